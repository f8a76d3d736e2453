// Another Relay subgraph of the same graph: it keeps notes on the hub's appeals, and knows them by their ids alone.
// `node neighbour.mjs` writes its port as JSON.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

import { buildSubgraphSchema } from "@apollo/subgraph";
import { graphql, parse } from "graphql";

const typeDefs = parse(readFileSync(new URL("neighbour.graphql", import.meta.url), "utf8"));

const NOTES = [1, 2, 3, 4].map((number) => ({
  __typename: "Note",
  id: `Note:${number}`,
  text: `第${number}条`,
  appeal: { __typename: "Appeal", id: `Appeal:${number}` },
  source: { __typename: "Source", name: number % 2 ? "housing" : "lift" },
}));

function connection(notes) {
  const edges = notes.map((node) => ({ cursor: node.id, node }));
  const pageInfo = {
    hasNextPage: false,
    hasPreviousPage: false,
    startCursor: edges.at(0)?.cursor,
    endCursor: edges.at(-1)?.cursor,
  };
  return { edges, pageInfo };
}

const resolvers = {
  Query: {
    notes: (_, { first = 10 }) => connection(NOTES.slice(0, first)),
    node: (_, { id }) => NOTES.find((note) => note.id === id),
  },
  Appeal: {
    __resolveReference: ({ id }) => ({ id }),
    notes: ({ id }, { first = 10 }) => connection(NOTES.filter((note) => note.appeal.id === id).slice(0, first)),
  },
};

const schema = buildSubgraphSchema({ typeDefs, resolvers });
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const { query, variables } = JSON.parse(body);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(await graphql({ schema, source: query, variableValues: variables })));
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
