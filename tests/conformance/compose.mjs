// Compose a subgraph of the hub with its neighbour: `node compose.mjs FILE` writes what Apollo's composition says of it.
import { readFileSync } from "node:fs";

import composition from "@apollo/composition";
import { buildSchema, parse } from "graphql";

const subgraph = (name, file) => ({ name, url: `http://${name}`, typeDefs: parse(readFileSync(file, "utf8")) });
const composed = composition.composeServices([
  subgraph("hub", process.argv[2]),
  subgraph("neighbour", new URL("neighbour.graphql", import.meta.url)),
]);
const query = composed.supergraphSdl && buildSchema(composed.supergraphSdl, { assumeValid: true }).getQueryType();
console.log(
  JSON.stringify({
    errors: (composed.errors ?? []).map(String),
    hints: (composed.hints ?? []).map(String),
    query: query ? Object.keys(query.getFields()) : [],
  }),
);
