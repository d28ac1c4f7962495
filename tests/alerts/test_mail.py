"""Mail through Apprise to a real mail server."""

import email
import email.policy
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from alerts import render
from alerts.channels import AppriseChannel
from tests.alerts.fakes import HOSTILE, NOW, RICH, failure


class Mailbox:
    """A mail server that keeps what it gets, and refuses or sleeps where told."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.refuse: str | None = None
        self.sleep_s = 0.0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        time.sleep(self.sleep_s)  # a busy server answers nobody else either
        self.mails.append(envelope.content)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"mailto://127.0.0.1:{port}?from=watch@x.example&to=ops@x.example"
    controller.stop()


def test_a_mail_has_a_html_and_a_complete_text_part(mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    AppriseChannel("mail", url).send(RICH, NOW)
    mail = email.message_from_bytes(box.mails[0], policy=email.policy.default)
    assert mail["Subject"] == RICH.title
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert html.get_content().split() == render.as_html(RICH).split()
    shown = text.get_content()
    assert all(line.strip() in shown for section in RICH.sections for line in section.lines)
    assert all(link in shown for _, link in RICH.links)


def test_a_title_can_not_add_a_mail_header(mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    AppriseChannel("mail", url).send(HOSTILE, NOW)
    mail = email.message_from_bytes(box.mails[0], policy=email.policy.default)
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("Free GPUs Bcc: everyone@corp.example")
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()


@pytest.mark.parametrize(
    ("answer", "permanent", "says"),
    [
        pytest.param("550 no such mailbox", True, "mail: the mail server answered 550", id="no such mailbox"),
        pytest.param("451 try later", False, "mail: the mail server answered 451", id="greylisted"),
    ],
)
def test_a_mail_server_says_whether_waiting_helps(
    mailbox: tuple[Mailbox, str], answer: str, permanent: bool, says: str
) -> None:
    box, url = mailbox
    box.refuse = answer
    error = failure(AppriseChannel("mail", url))
    assert (str(error), error.permanent, error.timed_out) == (says, permanent, False)


def test_a_mail_server_that_hangs_may_have_taken_the_mail(mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    box.sleep_s = 1.0
    error = failure(AppriseChannel("mail", url + "&cto=0.3"))
    assert error.timed_out


def test_a_mail_server_that_never_greets_has_taken_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        error = failure(
            AppriseChannel("mail", f"mailto://127.0.0.1:{port}?from=a@x.example&to=b@x.example&cto=0.3")
        )
    assert (error.timed_out, error.permanent) == (False, False)
    assert "no connection in time" in str(error)
