import { defineConfig } from "vite";
import relay from "vite-plugin-relay";

// Relay's documents are compiled away: what runs holds no text of a query. One file for Node, with all it needs.
export default defineConfig({
  plugins: [relay],
  ssr: { noExternal: true },
  build: { ssr: "relay/main.ts", outDir: "build", rollupOptions: { output: { entryFileNames: "relay.js" } } },
});
