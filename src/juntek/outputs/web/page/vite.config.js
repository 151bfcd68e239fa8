// How the page is built; rule: one script, one style sheet, nothing inline, and every address relative, so that it
// also works behind a proxy that puts it in a folder.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

const gateway = process.env.JUNTEK_GATEWAY ?? "http://127.0.0.1:8140";

/** Lays every text file beside itself, compressed once and well, for the gateway to hand out. */
function compressed() {
  let folder = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved: (config) => void (folder = config.build.outDir),
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(html|js|css|svg|webmanifest)$/.test(entry.name)) continue;
        const path = join(entry.parentPath ?? entry.path, entry.name);
        const bytes = readFileSync(path);
        if (bytes.length < 1000) continue;
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 })); // no browser takes better over plain HTTP
      }
    },
  };
}

export default defineConfig({
  plugins: [compressed()],
  base: "./",
  publicDir: "public",
  css: { transformer: "lightningcss" }, // also while one works on it: no canvas reads light-dark()
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
