import { defineConfig } from "vite";

export default defineConfig({
  // Relative, so that the page also works where a proxy puts the hub below a path.
  base: "./",
  logLevel: "error",
  build: {
    target: "es2022",
    // The editor alone is 3 MB; it comes from the hub itself, and once.
    chunkSizeWarningLimit: 8000,
  },
  worker: { format: "es" },
});
