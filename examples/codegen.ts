// Types of operations, from the schema and what the clients ask: `npm run generate`.
import type { CodegenConfig } from "@graphql-codegen/cli";

// What the scalars of the schema are in JSON. Unknown ones are `unknown`, so that nobody takes them for something.
const scalars = { DateTime: "string", Date: "string", ChangeNumber: "number" };

const preset = {
  preset: "client" as const,
  config: { scalars, strictScalars: false, defaultScalarType: "unknown", enumsAsTypes: true, useTypeImports: true },
  presetConfig: { fragmentMasking: false },
};

const config: CodegenConfig = {
  schema: "../docs/reference/schema.graphql",
  generates: {
    "apollo/generated/": { ...preset, documents: "apollo/*.ts" },
    "urql/generated/": { ...preset, documents: "urql/*.ts" },
  },
};

export default config;
