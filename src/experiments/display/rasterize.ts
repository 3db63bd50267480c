/**
 * SVG to pixels, with resvg as WebAssembly and a font that comes with the package, so that every machine draws the same.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import { dotsPerInch, encodePng, type Pixels, type Png } from "./png.ts";

/** The family of the font, and what to say in an SVG so that browsers have something like it. */
export const fontFamily = "Source Sans 3, system-ui, sans-serif";

const { resolve } = createRequire(import.meta.url);
const load = (name: string) => readFile(resolve(name));
const fontFolder = "@expo-google-fonts/source-sans-3";

let opened: Promise<readonly Uint8Array[]> | undefined;

/** Compiles resvg and reads the fonts, once. */
const open = () =>
  opened ??= (async () => {
    await initWasm(await load("@resvg/resvg-wasm/index_bg.wasm"));
    return await Promise.all([
      load(`${fontFolder}/400Regular/SourceSans3_400Regular.ttf`),
      load(`${fontFolder}/600SemiBold/SourceSans3_600SemiBold.ttf`),
    ]);
  })();

/** Draws an SVG, `zoom` pixels for each of its units. What nothing covers is transparent. */
export async function rasterize(svg: string, zoom = 1): Promise<Pixels> {
  const fontBuffers = [...await open()];
  const family = "Source Sans 3";
  const renderer = new Resvg(standingAlone(svg), {
    font: { fontBuffers, defaultFontFamily: family, sansSerifFamily: family },
    fitTo: { mode: "zoom", value: zoom },
  });
  try {
    const image = renderer.render();
    const { width, height } = image;
    // A copy: the pixels are in the memory of resvg.
    const data = Uint8Array.from(image.pixels);
    image.free();
    return { width, height, channels: 4, data };
  } finally {
    renderer.free();
  }
}

/** A picture of an SVG as it would be printed: 300 dots per inch, where an SVG has 96 units per inch. */
export async function svgToPng(svg: string): Promise<Png> {
  return encodePng(await rasterize(svg, dotsPerInch / 96));
}

/** An SVG outside of any page: variables of CSS have the values that they fall back to. */
export function standingAlone(svg: string): string {
  return svg.replace(/var\(--[\w-]+,\s*([^()]*)\)/g, "$1");
}
