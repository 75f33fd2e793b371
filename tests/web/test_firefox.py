"""The painter in Firefox: the page itself presses its buttons, and sends what it has painted.

No driver is needed: Firefox is started with the address of a page, and ended afterwards.
"""

import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from inst_tutorial.shipped_words import shipped_word
from inst_tutorial.style_transfer import TransferSettings, transfer

NAMES = ("firefox-esr", "firefox")
FIREFOX = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(FIREFOX is None, reason="no Firefox is installed"),
]
SECONDS = 240  # on a busy machine
PREFERENCES = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
PRESS = """<script type="module">
const send = (result) => fetch("/received", { method: "POST", body: JSON.stringify(result) });
const until = async (found) => {
  for (;;) {
    const error = document.querySelector(".ip-status.ip-error");
    if (error) throw new Error(error.textContent);
    if (found()) return found();
    await new Promise((go) => setTimeout(go, 100));
  }
};
const said = () => document.querySelector(".ip-status").textContent;
const buttons = () => [...document.querySelectorAll("button")];
try {
  await until(() => document.querySelector(".inst-painter[data-ready]"));
  buttons().find((one) => one.textContent === "Repaint the content").click();
  await until(() => said() === "The picture is repainted.");
  const canvas = document.querySelector(".ip-pair canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const prompt = document.querySelector(".ip-settings input[type=text]").value;
  await send({ prompt, pixels: [...data], side: canvas.width, browser: navigator.userAgent });
} catch (error) {
  await send({ error: String(error) });
}
</script>"""


@pytest.fixture
def firefox(tmp_path):
    """firefox(address): a Firefox that shows a page, until the test is over."""
    lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in PREFERENCES.items()]
    (tmp_path / "user.js").write_text("\n".join(lines))
    running = []

    def firefox(address):
        command = [FIREFOX, "--headless", "--no-remote", "--profile", tmp_path, address]
        running.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )

    yield firefox
    for process in running:
        process.terminate()
        process.wait(30)


def test_a_picture_repainted_in_firefox_is_that_of_the_package(
    firefox, server, web_page, paintbox, exported
):
    """With a word that is shipped: the page's first picture needs one press."""
    server.pages["/studio"] = web_page("studio") + PRESS
    firefox(f"{server.address}/studio?style=starry&content=owl&steps=5&seed=3")
    found = server.received.get(timeout=SECONDS)
    assert "error" not in found and "Firefox" in found["browser"]
    settings = TransferSettings(prompt=found["prompt"], steps=5, seed=3)
    assert settings.prompt == "*"
    content = Image.open(exported / "gallery/owl.webp").convert("RGB")
    expected = np.asarray(transfer(paintbox, content, shipped_word("starry"), settings)).astype(int)
    pixels = np.array(found["pixels"]).reshape(found["side"], found["side"], 4)[..., :3]
    assert np.abs(pixels - expected).max() <= 1
