// How the page is built; rule: one script, one style sheet, nothing inline, and every address relative, so that it
// also works behind a proxy that puts it in a folder.
import { defineConfig } from "vite";

const gateway = process.env.JUNTEK_GATEWAY ?? "http://127.0.0.1:8140";

export default defineConfig({
  base: "./",
  publicDir: "public",
  build: {
    outDir: process.env.JUNTEK_PAGE_OUT ?? "../static",
    emptyOutDir: true,
    target: ["es2020", "safari14", "firefox90", "chrome90"], // a wall tablet may be an old one
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    modulePreload: { polyfill: false },
  },
  server: {
    host: "127.0.0.1",
    port: 8141,
    proxy: { "/api": { target: gateway, changeOrigin: true } },
  },
});
