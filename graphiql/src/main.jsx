// GraphiQL for the hub: everything it needs comes from the hub itself.
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createClient } from "graphql-ws";
import { createRoot } from "react-dom/client";

import { examplesPlugin } from "./examples.jsx";
import { operations } from "./operations.js";
import { Title } from "./title.jsx";

const http = new URL("../graphql", document.baseURI);
const socket = new URL(http);
socket.protocol = http.protocol.replace("http", "ws");

const fetcher = createGraphiQLFetcher({
  url: http.href,
  wsClient: createClient({ url: socket.href, lazy: true }),
});

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={[examplesPlugin, explorerPlugin(), HISTORY_PLUGIN]}
    defaultTabs={operations.slice(0, 1).map(({ text }) => ({ query: text }))}
    visiblePlugin={examplesPlugin}
    inputValueDeprecation
    schemaDescription
    defaultEditorToolsVisibility={false}
  >
    <GraphiQL.Logo>
      <Title />
    </GraphiQL.Logo>
  </GraphiQL>,
);
