// A gateway of Apollo Federation over subgraphs that it asks for their schemas: `node gateway.mjs PORT NAME=URL…`.
// It writes one JSON line when it answers on PORT (0: any free one), or when the subgraphs do not compose, and why.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

import { ApolloGateway, IntrospectAndCompose } from "@apollo/gateway";
import { parse, validate } from "graphql";

const [port, ...named] = process.argv.slice(2);
const subgraphs = named.map((one) => ({ name: one.split("=", 1)[0], url: one.slice(one.indexOf("=") + 1) }));
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const gateway = new ApolloGateway({ supergraphSdl: new IntrospectAndCompose({ subgraphs }), logger: quiet });

let loaded;
try {
  loaded = await gateway.load();
} catch (error) {
  console.log(JSON.stringify({ problem: error.message }));
  process.exit(0);
}

async function answer({ query, variables = {}, operationName }) {
  const document = parse(query);
  const errors = validate(loaded.schema, document);
  if (errors.length) return { errors };
  const operation = document.definitions.find(
    (one) => one.kind === "OperationDefinition" && (!operationName || one.name?.value === operationName),
  );
  return loaded.executor({
    request: { query, variables, operationName },
    document,
    operation,
    operationName: operationName ?? null,
    queryHash: createHash("sha256").update(query).digest("hex"),
    schema: loaded.schema,
    source: query,
    context: {},
    metrics: {},
    cache: undefined,
    logger: quiet,
    overallCachePolicy: { restrict() {}, replace() {}, policyIfCacheable: () => null },
  });
}

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  let answered;
  try {
    answered = await answer(JSON.parse(body));
  } catch (error) {
    answered = { errors: [{ message: String(error) }] };
  }
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ data: answered.data, errors: answered.errors }));
});
server.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
