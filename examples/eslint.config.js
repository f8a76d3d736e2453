// The schema and all operations of this repository, by the rules of graphql-eslint.
import { fileURLToPath } from "node:url";

import graphql from "@graphql-eslint/eslint-plugin";
import typescript from "@typescript-eslint/parser";

const root = fileURLToPath(new URL("..", import.meta.url));
const schema = `${root}/docs/reference/schema.graphql`;
const documents = [`${root}/examples/{apollo,urql,relay}/*.ts`, `${root}/graphiql/operations/*.graphql`];

export default [
  { ignores: ["**/generated/**", "**/__generated__/**", "**/build/**", "**/node_modules/**"] },
  {
    files: ["**/*.ts"],
    languageOptions: { parser: typescript },
    processor: graphql.processor,
  },
  {
    files: ["**/*.graphql"],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema, documents } },
    },
    plugins: { "@graphql-eslint": graphql },
  },
  {
    files: ["**/examples/**/*.graphql", "**/graphiql/operations/*.graphql"],
    rules: {
      ...graphql.configs["flat/operations-recommended"].rules,
      // Every client here is a program of its own.
      "@graphql-eslint/unique-operation-name": "off",
    },
  },
  {
    files: ["**/examples/relay/**/*.graphql"],
    rules: {
      // Relay wants operations named after their file and kind, and has directives of its own.
      "@graphql-eslint/naming-convention": "off",
      "@graphql-eslint/known-directives": ["error", { ignoreClientDirectives: ["connection"] }],
    },
  },
  {
    files: ["**/schema.graphql"],
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      // What has no identity, such as a page or a place, has no id.
      "@graphql-eslint/strict-id-in-types": "off",
      // Short lists that are no pages, and `nodes` beside `edges`, as GitHub's API has them.
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
      // `appealNo` is what residents and officials call it, wherever it stands.
      "@graphql-eslint/no-typename-prefix": "off",
      // Some lists go forward only.
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
    },
  },
];
