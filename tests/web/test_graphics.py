"""The graphics processor: where it is offered, that its numbers are right, and what if it fails.

Here a program imitates it (SwiftShader): right, and slow. The page does not offer that.
"""

import json

import pytest
from chromium import CHROMIUM, needs_chromium

pytestmark = [needs_chromium, pytest.mark.browser]
LONG = 240_000  # milliseconds
IMITATED = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
GPU = """() => {
  const info = { vendor: "maker", architecture: "fast", description: "", isFallbackAdapter: %s };
  const gpu = { requestAdapter: async () => ({ info }) };
  Object.defineProperty(navigator, "gpu", { value: gpu });
}"""


@pytest.fixture(scope="module")
def imitation(browser):
    """A browser with an imitated graphics processor; of the playwright that runs already."""
    browser = browser.browser_type.launch(executable_path=CHROMIUM, args=IMITATED)
    yield browser
    browser.close()


@pytest.fixture
def studio(browser, server, web_page):
    """studio(script): the page, on which a script ran before everything else."""
    server.pages["/studio"] = web_page("studio")
    context = browser.new_context()

    def studio(script):
        context.add_init_script(f"({script})()")
        page = context.new_page()
        page.goto(f"{server.address}/studio")
        page.locator(".inst-painter[data-ready]").wait_for(timeout=LONG)
        return page

    yield studio
    context.close()


def offer(page):
    return page.get_by_label("use the graphics processor (experimental)")


def test_a_graphics_processor_is_offered_and_not_chosen(studio):
    page = studio(GPU % "false")
    offer(page).wait_for()
    assert not offer(page).is_checked()


@pytest.mark.parametrize(
    "script",
    [
        "() => {}",
        GPU % "true",
        (GPU % "false").replace("fast", "swiftshader"),
        f"() => {{ ({GPU % 'false'})(); delete WebAssembly.Suspending; }}",
    ],
    ids=["none", "fallback", "imitated", "without promises"],
)
def test_what_cannot_help_is_not_offered(studio, script):
    page = studio(script)
    page.wait_for_timeout(300)
    assert not offer(page).is_visible()


def test_where_it_fails_the_processor_computes_and_the_reader_is_told(studio):
    page = studio(GPU % "false")  # an adapter that gives no device
    offer(page).check()
    page.get_by_role("button", name="Load the painter").click()
    ready = page.locator(".ip-status", has_text="It computes without the graphics processor")
    ready.wait_for(timeout=LONG)
    assert not offer(page).is_visible()


LOAD = """async () => {
  const { PainterClient } = await import("/painter/app/client.js");
  const client = await PainterClient.open(new URL("/painter/", location.href).href);
  await client.load(() => {}, true);
  return { graphics: client.graphics, why: client.why };
}"""


@pytest.mark.slow
def test_webgpu_comes_to_the_numbers_of_python(imitation, server):
    """Loading compares the noise that it predicts. An imitation takes minutes for a picture."""
    page = imitation.new_page()
    page.goto(f"{server.address}/blank")
    if not page.evaluate("async () => !!(await navigator.gpu?.requestAdapter())"):
        pytest.skip("this Chromium imitates no graphics processor")
    assert page.evaluate(LOAD) == {"graphics": True, "why": None}


def test_wrong_numbers_are_found(studio, server, exported):
    """Everything but the numbers works; the check of the painter says no."""
    manifest = json.loads((exported / "paintbox.json").read_text(encoding="utf-8"))
    manifest["probe"]["eps"][0] += 0.1
    server.pages["/painter/paintbox.json"] = json.dumps(manifest)
    page = studio("() => {}")
    why = page.evaluate(
        """async () => {
          const { Painter } = await import("/painter/app/painter.js");
          const { loadRuntime, PROCESSOR } = await import("/painter/app/runtime.js");
          const { Store, readJson } = await import("/painter/app/store.js");
          const root = new URL("/painter/", location.href).href;
          const manifest = await readJson(new URL("paintbox.json", root).href);
          const store = new Store(root, manifest.files);
          const ort = await loadRuntime(store, PROCESSOR, () => {});
          const painter = new Painter(ort, "wasm", manifest, (file) => store.read(file));
          return painter.check().then(() => null, (error) => error.message);
        }"""
    )
    assert why == "its numbers are not those of Python"
