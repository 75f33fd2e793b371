import assert from "node:assert/strict";
import test from "node:test";
import { readLink, writeLink } from "../src/ui/link.js";

const PAGE = "https://book.example/page.html";

test("settings go into a link and come back", () => {
  const settings = { style: "lagoon", prompt: "a cat, *", strength: 0.4, seed: 7 };
  assert.deepEqual(readLink(writeLink(`${PAGE}?strength=1&other=kept`, settings)), settings);
  assert.match(writeLink(`${PAGE}?other=kept#here`, settings), /other=kept.*#here$/);
});

test("what is no number is left out", () => {
  assert.deepEqual(readLink(`${PAGE}?strength=much&seed=&guidance=3`), { guidance: 3 });
});
