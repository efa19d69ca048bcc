"""`glovebox ui` in a real browser: what is seen, by whom, and that nothing else is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from support.browsed import BrowsedCluster, declared, fleet, served

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.browser

DELAYS: Final = "object/experiment/team-flights/delays"
# WCAG 2.2, 1.4.3: text of ordinary size.
CONTRAST: Final = 4.5
_CONTRASTS: Final = """() => {
  const channel = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = rgb => {
    const [r, g, b] = rgb.map(v => channel(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const behind = node => {
    for (let each = node; each; each = each.parentElement) {
      const found = parse(getComputedStyle(each).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const shown = [...document.querySelectorAll('body *')].filter(node =>
    !node.closest('svg') && node.checkVisibility() &&
    [...node.childNodes].some(each => each.nodeType === 3 && each.textContent.trim()));
  return shown.map(node => {
    const ink = light(parse(getComputedStyle(node).color).slice(0, 3));
    const paper = light(behind(node));
    const [more, less] = [Math.max(ink, paper), Math.min(ink, paper)];
    return [node.tagName + ' ' + node.textContent.trim().slice(0, 40),
            (more + 0.05) / (less + 0.05)];
  });
}"""


class Seen:
    """What a page asked for, and what the browser complained of."""

    def __init__(self, page: Page, first: str) -> None:
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.dialogs: list[str] = []
        page.on("request", lambda request: self._asked(request.url, first))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, url: str, first: str) -> None:
        if not url.startswith(first):
            self.elsewhere.append(url)


async def opened(browser: Browser, first: str, scheme: Any = "light") -> tuple[Page, Seen]:
    context = await browser.new_context(
        color_scheme=scheme, viewport={"width": 1280, "height": 860}, java_script_enabled=True
    )
    page = await context.new_page()
    seen = Seen(page, first)
    await page.goto(first)
    return page, seen


async def test_somebody_finds_what_differs_and_follows_its_data(browser: Browser) -> None:
    async with served(BrowsedCluster([*declared(), *fleet(340)])) as first:
        page, seen = await opened(browser, first)

        # By keyboard alone: to the choice, to what fits it, and to the page of one.
        await page.keyboard.press("Tab")
        assert await focused(page) == "Skip to the content"
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.name") == "namespace"
        await page.keyboard.type("team-flights")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/experiments?namespace=team-flights**")
        assert await page.locator("tbody tr").count() == 1
        await page.locator("tbody a").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/{DELAYS}")
        assert await page.locator("h1").inner_text() == "team-flights/delays"
        await page.get_by_role("link", name="Lineage", exact=True).last.click()
        await page.wait_for_url("**/lineage?of=**")
        # A thing in the picture is a way on.
        await page.locator("svg a", has_text="team-flights/months").first.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/object/datasetpin/team-flights/months")

        # Paging, and back.
        await page.goto(first)
        await page.get_by_role("link", name="Go on (about 243 more)").click()
        await page.wait_for_url("**from=100**")
        assert await page.locator("tbody tr").count() == 100
        await page.go_back()

        assert seen.elsewhere == []
        assert seen.complaints == []


async def focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.textContent"))


async def test_nothing_that_somebody_wrote_runs_and_no_policy_is_broken(browser: Browser) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(1)</script><svg onload=alert(1)>"
    objects = declared()
    for each in objects:
        for condition in (each.get("status") or {}).get("conditions") or ():
            condition["message"] = evil
        if each["kind"] in {"Pod", "Job", "NetworkPolicy", "Event"}:
            each["metadata"]["name"] = each["message"] = evil
    async with served(BrowsedCluster(objects)) as first:
        page, seen = await opened(browser, first)
        page.on("dialog", lambda dialog: seen.dialogs.append(dialog.message))
        for address in ("", "pins", DELAYS, f"lineage?of={evil}", f"experiments?q={evil}"):
            await page.goto(first + address)
        assert evil in await page.locator("input[name=q]").input_value()
        assert (seen.elsewhere, seen.complaints, seen.dialogs) == ([], [], [])

        # The policy would hold even if a text were not escaped.
        await page.evaluate("""() => {
          const script = document.createElement('script');
          script.textContent = 'window.ran = true';
          document.body.append(script);
        }""")
        assert await page.evaluate("window.ran") is None
        assert any("Content Security Policy" in each for each in seen.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
async def test_it_can_be_read(browser: Browser, scheme: str, width: int) -> None:
    async with served(BrowsedCluster([*declared(), *fleet(60)], hidden=["Event"])) as first:
        page, _ = await opened(browser, first, scheme)
        await page.set_viewport_size({"width": width, "height": 860})
        beside = "compare?of=team-flights/delays+team-weather/deeper"
        lineage = "lineage?of=team-flights/delays"
        for address in ("", "pins", DELAYS, lineage, beside, "experiments?q=%00"):
            await page.goto(first + address)
            contrasts: list[tuple[str, float]] = await page.evaluate(_CONTRASTS)
            assert len(contrasts) > 5
            assert [each for each in contrasts if each[1] < CONTRAST] == []
            # Tables scroll by themselves: the page as a whole never goes sideways.
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
