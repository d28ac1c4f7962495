"""Outside text becomes inert: one table per kind of target, then properties over any text."""

import html.parser
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import inert


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Qwen3-8B Q4_K_M, 5 < 6 & more", "Qwen3-8B Q4_K_M, 5 < 6 & more", id="plain text stays"),
        pytest.param("模型 für Ünïcode ✓", "模型 für Ünïcode ✓", id="letters of the world stay"),
        pytest.param("\x1b[1;31mred\x1b[0m", "red", id="colour goes"),
        pytest.param("a\x1b[2J\x1b[Hb", "ab", id="clearing the screen goes"),
        pytest.param("a\x9b31mb", "ab", id="the one-byte form of a terminal sequence goes"),
        pytest.param("a\x1b]0;title\x07 fits", "a0;title fits", id="a window title can not swallow the rest"),
        pytest.param("a\x1b]8;;http://x\x1b\\b", "a8;;http://xb", id="a terminal link loses its power"),
        pytest.param("a\x1bPq fits", "aq fits", id="an unfinished device string hides nothing"),
        pytest.param("title\r\nBcc: x@y", "title Bcc: x@y", id="a mail header can not be added"),
        pytest.param("a\tb\vc\fd\x85e", "a b c d e", id="every kind of line end and tab is a space"),
        pytest.param("a\u2028b\u2029c", "a b c", id="Unicode line ends are spaces"),
        pytest.param("exe\u202etxt.\u202c", "exetxt.", id="text can not be turned around"),
        pytest.param("\u2066a\u2069 \u200fb\u061c", "a b", id="direction marks go"),
        pytest.param("a\u200bb\u2060c\ufeffd\u00ade", "abcde", id="zero-width characters go"),
        pytest.param("a\u3164b\u115fc\u2800d", "abcd", id="blank letters go"),
        pytest.param("a\U000e0041\U000e007fb", "ab", id="hidden tag characters go"),
        pytest.param("a\ufe0fb\U000e0100", "ab", id="variation selectors go"),
        pytest.param("a\ud800b", "ab", id="half a character goes"),
        pytest.param("a\x00b\x07c\x7fd", "abcd", id="control characters go"),
        pytest.param("e" + "\u0301" * 50, "e" + "\u0301" * 4, id="stacked marks are cut"),
        pytest.param("  a \u00a0 b  ", "a b", id="spaces collapse"),
        pytest.param("\x1b[0m\u200b", "", id="nothing visible is nothing"),
    ],
)
def test_a_line_shows_what_it_says(text: str, shown: str) -> None:
    assert inert.line(text) == shown


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        pytest.param("@here look", "@ here look", id="everybody who is here"),
        pytest.param("x.@everyone y@channel", "x.@ everyone y@ channel", id="also inside a word"),
        pytest.param("(@alice) <@U12> @@room", "(@ alice) <@ U12> @ @ room", id="one person"),
        pytest.param("<users/all>", "< users/all>", id="Google Chat's form"),
        pytest.param("me@firm.example, repo@abc123", "me@firm.example, repo@abc123", id="an address stays"),
    ],
)
def test_nobody_is_called(text: str, safe: str) -> None:
    assert inert.unpinged(text) == safe


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        pytest.param(
            "https://huggingface.co/Qwen/Qwen3-8B", "https://huggingface.co/Qwen/Qwen3-8B", id="plain"
        ),
        pytest.param("HTTPS://A.Example/x", "https://a.example/x", id="case of scheme and host folds"),
        pytest.param(
            "https://a.example:8443/?q=1&r=%20", "https://a.example:8443/?q=1&r=%20", id="port and query"
        ),
        pytest.param(
            "https://a.example/<b>|\"'()@x", "https://a.example/%3Cb%3E%7C%22%27%28%29%40x", id="markup"
        ),
        pytest.param(
            "https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC", id="look-alikes show"
        ),
        pytest.param("javascript:alert(1)", None, id="script"),
        pytest.param("data:text/html,x", None, id="data"),
        pytest.param("file:///etc/passwd", None, id="file"),
        pytest.param("//a.example/x", None, id="no scheme"),
        pytest.param("https://good.example@evil.example/", None, id="user part that poses as a host"),
        pytest.param("https://a.example/x y", None, id="space"),
        pytest.param("https://a.example/\r\nX: y", None, id="line end"),
        pytest.param("https://a.example/\u202egpj", None, id="turned around"),
        pytest.param("https://a.example:port/", None, id="port that is none"),
        pytest.param("https:///path", None, id="no host"),
        pytest.param("https://a..example/", None, id="broken host"),
        pytest.param("https://[::1", None, id="broken address"),
        pytest.param("https://a.example/" + "x" * 3000, None, id="absurdly long"),
    ],
)
def test_only_plain_web_addresses_are_links(url: str, safe: str | None) -> None:
    assert inert.url(url) == safe


@pytest.mark.parametrize(
    ("text", "slack", "markdown", "html"),
    [
        pytest.param(
            "<!channel> & <b>", "&lt;!channel&gt; &amp; &lt;b&gt;", "&lt;!channel&gt; &amp; &lt;b&gt;",
            "&lt;!channel&gt; &amp; &lt;b&gt;", id="brackets and ampersand",
        ),
        pytest.param("*a* _b_ ~c~ `d`", "∗a∗ ＿b＿ ∼c∼ ˋdˋ", r"\*a\* \_b\_ &#126;c&#126; \`d\`",
                     "*a* _b_ ~c~ `d`", id="emphasis"),
        pytest.param("Q4_K_M", "Q4_K_M", "Q4_K_M", "Q4_K_M", id="underscores inside a word stay"),
        pytest.param("[x](http://y)", "[x](http://y)", r"\[x\](http://y)", "[x](http://y)", id="a link"),
        pytest.param("# a", "# a", r"\# a", "# a", id="a heading"),
        pytest.param("1. a", "1. a", r"1\. a", "1. a", id="a numbered list"),
        pytest.param("- a | b", "- a | b", r"\- a &#124; b", "- a | b", id="a list and a table"),
        pytest.param('" onload="x', '" onload="x', '" onload="x', "&quot; onload=&quot;x", id="an attribute"),
        pytest.param("@here", "@ here", "@ here", "@ here", id="a mention"),
    ],
)  # fmt: skip
def test_each_target_shows_the_text_as_text(text: str, slack: str, markdown: str, html: str) -> None:
    assert (inert.mrkdwn(text), inert.markdown(text), inert.html(text)) == (slack, markdown, html)


def test_a_title_fits_a_header_and_is_never_empty() -> None:
    assert inert.title("x" * 1000) == "x" * 149 + "…"
    assert inert.title("\x1b[2J") == "(no title)"


@given(st.text(st.characters(codec=None)))
def test_nothing_unseen_survives_in_any_text(text: str) -> None:
    shown = inert.line(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
    assert inert.line(shown) == shown
    shown.encode("utf-8")


@given(st.text())
def test_no_text_opens_a_tag_or_a_mention(text: str) -> None:
    for escaped in (inert.mrkdwn(text), inert.html(text), inert.markdown(text)):
        assert "<" not in escaped
        assert ">" not in escaped
        assert "@here" not in escaped
    parser = html.parser.HTMLParser()
    seen: list[str] = []
    parser.handle_starttag = lambda tag, attrs: seen.append(tag)  # type: ignore[method-assign]  # the parser's hook
    parser.feed(inert.html(text))
    assert not seen


@given(st.text())
def test_a_link_is_always_plain_ascii_web(text: str) -> None:
    for url in (text, "https://" + text, "https://a.example/" + text):
        safe = inert.url(url)
        assert safe is None or (safe.isascii() and safe.startswith(("http://", "https://")))
        assert safe is None or not set(safe) & set(" <>\"'|()`\r\n@\\")
