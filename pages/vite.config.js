import { resolve } from "node:path";

import { defineConfig } from "vite";

/** Where the bundle of each page goes: into what serves it. */
const FOLDERS = {
  inspector: "../local_gateway/inspector/bundle",
  console: "../functions/console",
};

/** `vite build --mode PAGE`: three files whose names stay, so that a list can serve them. */
export default defineConfig(({ mode }) => ({
  root: resolve(import.meta.dirname, mode),
  base: "./",
  define: { "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: resolve(import.meta.dirname, FOLDERS[mode]),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: { entryFileNames: "page.js", assetFileNames: "page[extname]" },
    },
  },
}));
