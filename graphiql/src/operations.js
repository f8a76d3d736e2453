// The saved operations: every file of ../operations, in the order of names. Its first two lines are comments: its title
// in Chinese and in English.
import { parse } from "graphql";

const files = import.meta.glob("../operations/*.graphql", { query: "?raw", import: "default", eager: true });

export const operations = Object.keys(files)
  .sort()
  .map((path) => {
    const text = files[path];
    const [title, english] = text.split("\n").map((line) => line.replace(/^#\s*/, ""));
    return { title, english, text, document: parse(text) };
  });
