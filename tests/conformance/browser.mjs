// Look at GraphiQL as its user does: `node browser.mjs PAGE CHROMIUM` writes one JSON object of what was seen.
import { chromium } from "playwright-core";

const [address, executablePath] = process.argv.slice(2);
const seen = { foreign: [], errors: [] };
// A browser as root has no sandbox; it loads nothing but the page under test.
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1400, height: 850 } });
page.on("pageerror", (error) => seen.errors.push(String(error)));
page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
page.on("request", (request) => {
  const url = new URL(request.url());
  if (!["data:", "blob:"].includes(url.protocol) && url.host !== new URL(address).host) seen.foreign.push(url.href);
});

page.setDefaultTimeout(90_000); // The machine may be busy with other tests.

const shows = (part, text) =>
  page.waitForFunction(([part, text]) => document.querySelector(part)?.innerText.includes(text), [part, text]);
const QUERY = ".graphiql-query-editor .view-lines";
const RESPONSE = ".graphiql-response .view-lines";
const response = () => page.locator(RESPONSE).innerText();
const run = page.locator(".graphiql-execute-button");

await page.goto(address);
seen.examples = await page.locator(".hub-examples button").allInnerTexts();

await shows(QUERY, "LatestAppeals");
await page.locator(RESPONSE).waitFor({ state: "attached" });
await run.click();
await shows(RESPONSE, "Appeal:");
seen.answer = await response();
seen.boxed = await page.locator(".graphiql-response .unicode-highlight").count();

await page.getByRole("button", { name: /^Show Documentation Explorer/ }).click();
await page.getByRole("link", { name: "Appeal", exact: true }).first().click();
seen.documentation = await page.locator(".graphiql-doc-explorer-content").innerText();

await page.getByRole("button", { name: /^Show GraphiQL Explorer/ }).click();
seen.explorer = await page.locator(".graphiql-explorer-root").innerText();

await page.getByRole("button", { name: /^Show 示例/ }).click();
await page.getByRole("button", { name: /Follow changes live/ }).click();
await shows(QUERY, "appealChanged");
await run.click();
await shows(RESPONSE, "Change:");
seen.live = await response();
await run.click();

await page.getByRole("button", { name: "New tab" }).click();
await page.locator(QUERY).click();
await page.keyboard.type("{ appealByE", { delay: 30 });
const suggestion = page.locator(".suggest-widget .monaco-list-row").first();
await suggestion.waitFor();
seen.completion = await suggestion.innerText();

await browser.close();
console.log(JSON.stringify(seen));
