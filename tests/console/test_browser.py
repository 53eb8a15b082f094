"""The console in a real browser, at a desk and on a phone.

Chromium is Debian's (`install-browser.sh`). With SCREENSHOTS=docs/screenshots the pages are also kept as PNG.
"""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from redis.asyncio import Redis

from tests.builders.shopify import item, shopify_order, shopify_refund
from tests.worlds.console import TOKEN, ConsoleServer, console_server

CHROMIUM = shutil.which("chromium") or ""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
NO_BROWSER = "NO BROWSER: the console is not tested in one; run tests/console/install-browser.sh"

OVERFLOWING = """[...document.querySelectorAll('td, th, dd, .badge, .figure')]
    .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1 && !e.closest('dialog'))
    .map(e => e.textContent.trim())"""

if not CHROMIUM:
    warnings.warn(pytest.PytestWarning(NO_BROWSER), stacklevel=1)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason=NO_BROWSER)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def console(redis: Redis, redis_url: str) -> AsyncIterator[ConsoleServer]:
    async with console_server(redis_url) as opened:
        yield opened


async def open_page(browser: Browser, size: dict[str, int], **how: str) -> tuple[Page, list[str]]:
    """A page in a profile of its own, and what it complains about."""
    context = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        locale=how.get("locale", "en-GB"),
        color_scheme="dark" if how.get("dark") else "light",
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


async def log_in(page: Page, url: str, who: str = "Ada") -> None:
    await page.goto(f"{url}/console")
    await page.locator("input[name=token]").fill(TOKEN)
    await page.locator("input[name=who]").fill(who)
    await page.locator("form button.primary").click()
    await page.wait_for_url(f"{url}/console")


async def fits(page: Page) -> None:
    """Nothing is wider than the screen."""
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px too wide"
    over = await page.evaluate(OVERFLOWING)
    assert over == [], f"{page.url}: what these say leaves its cell"


async def test_an_operator_finds_reads_retries_and_accepts(console: ConsoleServer) -> None:
    key = await console.order_with_a_difference(1042)
    await console.done_order(1043)
    async with chromium() as browser:
        page, complaints = await open_page(browser, DESK)
        await log_in(page, console.url)
        await page.get_by_role("link", name="Orders", exact=True).click()
        await page.get_by_label("Search").fill("#1042")
        await page.get_by_label("Search").press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Order #1042")
        await expect(page.locator(".timeline")).to_contain_text("orders/updated")

        await page.get_by_role("button", name="Retry now").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Goes over the order again")
        await dialog.get_by_role("button", name="Cancel").click()
        await expect(dialog).to_have_count(0)
        await page.get_by_role("button", name="Retry now").click()
        await dialog.get_by_role("button", name="Retry now").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: Retry now.")
        await console.settled(key, "attention")

        await page.goto(f"{console.url}/console/orders/{key}")
        await page.get_by_role("button", name="Accept the difference").click()
        await expect(dialog).to_contain_text("12.34 EUR, in place of 15.84 EUR")
        await dialog.get_by_role("button", name="Accept the difference").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: Accept the difference.")
        await console.settled(key)
        await page.goto(f"{console.url}/console/orders/{key}")
        await expect(page.locator(".timeline")).to_contain_text("Ada accepted the difference")
        assert complaints == []


async def test_the_overview_stays_fresh_by_itself(console: ConsoleServer) -> None:
    async with chromium() as browser:
        page, complaints = await open_page(browser, DESK)
        await page.add_init_script("{ const slow = setInterval; window.setInterval = (f) => slow(f, 200); }")
        await log_in(page, console.url)
        await expect(page.locator(".figure.attention")).to_have_count(0)
        await console.order_with_a_difference(7)
        await expect(page.locator(".figure.attention")).to_contain_text("1 need a person")
        await page.context.clear_cookies()
        await page.wait_for_url(re.compile("/console/login"))
        assert complaints == []


async def test_it_all_works_without_javascript(console: ConsoleServer) -> None:
    key = await console.order_with_a_difference(7)
    async with chromium() as browser:
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await console.judge()
        await log_in(page, console.url)
        await page.get_by_role("link", name="What to do").click()
        await page.wait_for_url(re.compile("/console/alerts#attention"))
        await expect(page.locator("li:target")).to_contain_text("Do what the reason says")
        await page.get_by_role("link", name=key).click()
        await page.get_by_role("button", name="Accept the difference").first.click()
        await page.locator("dialog:popover-open button.primary").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: Accept the difference.")
        await console.settled(key)


async def furnish(opened: ConsoleServer) -> dict[str, str]:
    """A console worth a picture: path by page name."""
    for number in range(1043, 1048):
        await opened.done_order(number)
    refunded = shopify_order(1060, [item("24.90", quantity=3), item("8.50", "0.055", id_=2)])
    await opened.settled(await opened.here.accept(refunded))
    key = await opened.here.accept(shopify_refund(refunded, 501, "24.90", {1: 1}), "refunds/create")
    await opened.settled(key)
    await opened.order_with_a_difference(1042)
    odd = await opened.here.accept(shopify_order(1061, currency="XXX", presentment_currency="XXX"))
    await opened.settled(odd, "attention")
    await opened.refuse("abonnements", 12)
    assert len(await opened.judge()) == 3, "two causes of attention, and the signatures"
    event = (await opened.desk.events()).rows[0]
    return {
        "overview": "/console",
        "alerts": "/console/alerts",
        "orders": "/console/orders",
        "order": "/console/orders/shopify:boutique:order:1042",
        "order-refund": f"/console/orders/{key}",
        "events": "/console/events",
        "activity": "/console/activity",
        "event": f"/console/events/{event.id}",
        "shops": "/console/shops",
    }


async def test_every_page_fits_a_desk_and_a_phone(console: ConsoleServer) -> None:
    """In light and dark, in both languages; kept as pictures where that is asked for."""
    paths = await furnish(console)
    album = Path(os.environ["SCREENSHOTS"]) if os.environ.get("SCREENSHOTS") else None
    looks: tuple[tuple[str, dict[str, int], dict[str, str]], ...] = (
        ("desktop", DESK, {}),
        ("phone", PHONE, {}),
        ("desktop-dark-fr", DESK, {"dark": "yes", "locale": "fr-FR"}),
        ("phone-dark-fr", PHONE, {"dark": "yes", "locale": "fr-FR"}),
    )
    async with chromium() as browser:
        for name, size, how in looks:
            page, complaints = await open_page(browser, size, **how)
            await page.goto(f"{console.url}/console/login")
            await fits(page)
            pictured = album if not how else None
            if pictured:
                await page.screenshot(path=pictured / f"login-{name}.png")
            await log_in(page, console.url)
            for what, path in paths.items():
                await page.goto(console.url + path)
                await fits(page)
                assert await page.locator("h1").count() == 1
                if album and (pictured or what in ("overview", "order", "alerts")):
                    await page.screenshot(path=album / f"{what}-{name}.png", full_page=what != "event")
            assert complaints == []
