"""The course as a book in Chromium, from disk: search, dark, previous and next, axe, no network."""

import json
import re

import pytest
from support.pages import opened, violations

from coursekit.build.book import BookError, write_book

pytestmark = pytest.mark.chromium
KINDS = {"contents": "index", "lesson": "02_gram", "guide": "trust", "gallery": "gallery"}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book") / "site"
    write_book(folder)
    return folder


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(browser, book, screenshots, kind, theme, width):
    settings = {"viewport": {"width": width, "height": 900}, "color_scheme": theme}
    with opened(browser, book / f"{KINDS[kind]}.html", **settings) as page:
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width + 1
        page.screenshot(path=screenshots / f"book-{kind}-{theme}-{width}.png")


def test_every_page_opens_and_every_link_leads_somewhere(browser, book):
    pages = sorted(book.glob("*.html"))
    assert len(pages) >= 14
    for path in pages:
        text = path.read_text("utf-8")
        for address in re.findall(r'(?:href|src)="([^"]+)"', text):
            if not address.startswith(("http", "data:", "#", "mailto:")):
                assert (book / address.partition("#")[0]).exists(), (path.name, address)
        assert not re.search(r'<(?:img|script|link|iframe)[^>]*(?:src|href)="(?:https?:)?//', text)
    for name in ("01_layers", "03_losses", "04_tuning", "instructors"):
        with opened(browser, book / f"{name}.html") as page:  # nothing in the console, no network
            assert page.locator("h1").count() >= 1


def test_through_the_book_with_the_keyboard(browser, book):
    with opened(browser, book / "index.html") as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.url.endswith("#text")
        seen = ["index.html"]
        while page.locator("a[rel=next]").count():
            link = page.locator("a[rel=next]")
            seen.append(link.get_attribute("href"))
            link.focus()
            page.keyboard.press("Enter")
            page.wait_for_url(f"**/{seen[-1]}")
        assert len(seen) == len(list(book.glob("*.html")))
        page.locator("a[rel=prev]").click()
        assert page.url.endswith(seen[-2])


def test_search_finds_a_section(browser, book):
    with opened(browser, book / "index.html") as page:
        page.fill("#search", "gram matrix by hand")
        page.wait_for_selector("#results li")
        first = page.locator("#results a").first
        assert "02_gram.html#" in first.get_attribute("href")
        first.click()
        page.wait_for_url("**/02_gram.html#*")  # loaded, with its scripts
        anchor = page.url.partition("#")[2]
        assert page.locator(f'[id="{anchor}"]').count() == 1
        page.fill("#search", "zzzz")
        assert page.locator("#results p").first.inner_text() == "0 places"
        page.fill("#search", '<img src=x onerror="document.title=1">')
        assert page.locator("#results img").count() == 0


def test_dark_is_remembered(browser, book):
    with opened(browser, book / "index.html", color_scheme="light") as page:
        page.click("#theme")
        page.goto((book / "gallery.html").as_uri())
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_students_get_no_solution(tmp_path):
    pages = write_book(tmp_path / "site", student=True)
    assert "instructors.html" not in pages
    text = (tmp_path / "site" / "02_gram.html").read_text("utf-8")
    assert "BEGIN SOLUTION" not in text
    assert "output_png" not in text
    index = json.loads((tmp_path / "site" / "index.js").read_text("utf-8")[14:-2])
    assert {section["page"] for section in index} <= set(pages)


def test_another_folder_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(BookError, match="no book"):
        write_book(tmp_path)
    assert (tmp_path / "mine.txt").exists()
