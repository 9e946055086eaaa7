"""What others wrote stays text, and who has no key sees nothing."""

from __future__ import annotations

import time
from contextlib import closing
from urllib.parse import urlencode

import pytest

from agentops_otel.facts import EventFact
from agentops_otel.records import LLMCall
from agentops_otel.store.sqlite import SqliteStore
from server.running import Answer, Running

from .conftest import PROTOBUF, Recorded, calls
from .reading import Reading
from .recording import CANARY


@pytest.mark.parametrize("query", ["", "?state=failure", "?" + urlencode({"tag": CANARY})])
def test_markup_in_data_is_text(recorded: Recorded, query: str) -> None:
    """Tags, models, agents, reasons, filters: shown as they were written, run by nobody."""
    page = recorded.read(f"/sessions{query}")
    assert page.harmful() == []
    assert page.words.count(CANARY) >= 4


@pytest.mark.parametrize("tab", ["waterfall", "chat", "cost", "agents", "replay", "raw"])
def test_markup_in_a_session_is_text(recorded: Recorded, tab: str) -> None:
    """Names, prompts, answers, arguments, errors, video: on every tab."""
    page = recorded.session("canary", f"?tab={tab}")
    assert page.harmful() == []
    assert page.words.count("onerror=alert(2)") >= 5


def test_markup_in_an_event_is_text(recorded: Recorded) -> None:
    """In the detail of every event of every kind."""
    events = recorded.events("canary")
    pages = [recorded.session("canary", f"?event={event['event_id']}") for event in events]

    assert {event["event_type"] for event in events} == {"llms", "tools", "actions", "errors"}
    assert [page.harmful() for page in pages] == [[]] * len(events)
    assert all(CANARY in page.words for page in pages)


@pytest.mark.parametrize(
    "query",
    [
        "open=all",
        urlencode({"agent": CANARY}),
        urlencode({"open": CANARY}),
        urlencode({"row": CANARY}),
        urlencode({"from": CANARY, "to": CANARY, "gaps": CANARY, "critical": CANARY}),
    ],
)
def test_markup_in_a_view_is_text(recorded: Recorded, query: str) -> None:
    """Folds have names of data, too, and what a URL asks for is in every link."""
    page = recorded.session("canary", f"?{query}")
    assert page.harmful() == []
    assert len(page.all("a", "fold")) == 1


def test_a_wrong_filter_cannot_smuggle_markup(recorded: Recorded) -> None:
    """What a URL says is shown as text as well."""
    page = recorded.read("/sessions?state=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E&cursor=%3Cscript%3E")
    assert page.harmful() == []


def test_the_first_page_is_whole(nothing: Recorded) -> None:
    """Programs to copy are attributes as well as text: their quotes end nothing."""
    assert nothing.read("/").harmful() == []


def test_pages_forbid_what_they_do_not_need(recorded: Recorded) -> None:
    """No inline script or style, no other host, no frame."""
    headers = recorded.server.ask("GET", "/sessions").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"


def test_files_are_kept_for_ever_under_a_name_that_changes(recorded: Recorded) -> None:
    """Everything a page asks for is ours and there; an old digest is not."""
    page = recorded.read("/sessions")
    files = page.files()
    answers = [recorded.server.ask("GET", file) for file in files]

    assert len(files) == 5
    assert [(one.status, one.headers["cache-control"]) for one in answers] == [
        (200, "public, max-age=31536000, immutable")
    ] * 5
    assert recorded.server.ask("GET", "/static/000000000000/app.js").status == 404


def test_the_vendored_script_is_what_its_note_says() -> None:
    """Name, version and digest stand beside it."""
    import hashlib

    from agentops_otel.server.dashboard.assets import assets

    digest = hashlib.sha256(assets()["htmx.min.js"].content).hexdigest()
    assert digest in assets()["htmx.txt"].content.decode()
    assert b'version:"2.0.11"' in assets()["htmx.min.js"].content


# --- who looks -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Running:
    running = Running(tmp_path_factory.mktemp("keyed"))
    running.keys.create_key("other")
    with running:
        yield running


def logged_in(server: Running, key: str, following: str = "/sessions", **headers: str) -> Answer:
    return server.ask("POST", "/login", f"key={key}&next={following}".encode(), **headers)


def cookie(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def test_without_a_key_there_is_only_the_login(keyed: Running) -> None:
    """Every page leads to the form, which leads back; a part that a script asks for says so to the script."""
    page, part = keyed.ask("GET", "/sessions?tag=a"), keyed.ask("GET", "/sessions?tag=a&part=list&seen=1")
    assert (page.status, page.headers["location"]) == (303, "/login?next=%2Fsessions%3Ftag%3Da")
    assert (part.status, part.headers["hx-redirect"], part.body) == (401, "/login?next=%2Fsessions", b"")
    form = Reading(keyed.ask("GET", page.headers["location"]).body.decode())
    assert [one.attributes["value"] for one in form.all("input") if one.attributes.get("type") == "hidden"] == [
        "/sessions?tag=a"
    ]


def test_a_key_opens_its_own_project(keyed: Running) -> None:
    """The cookie is out of reach of scripts and other sites; the page names the project."""
    answer = logged_in(keyed, keyed.keys.create_key("mine"), "/sessions?tag=a")
    assert (answer.status, answer.headers["location"]) == (303, "/sessions?tag=a")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(answer.headers["set-cookie"].split("; "))
    assert "project mine" in Reading(keyed.ask("GET", "/sessions", Cookie=cookie(answer)).body.decode()).words


def test_a_revoked_key_is_out(keyed: Running) -> None:
    """The cookie ends with the key it was given for."""
    key = keyed.keys.create_key("brief")
    answer = logged_in(keyed, key)
    keyed.keys.revoke_key(key[:8])
    assert keyed.ask("GET", "/sessions", Cookie=cookie(answer)).status == 303


@pytest.mark.parametrize("key", ["", "no-key", "00000000-0000-4000-8000-000000000000", "%3Cscript%3E"])
def test_a_wrong_key_is_asked_for_again(keyed: Running, key: str) -> None:
    """With a message, and without a cookie."""
    answer = logged_in(keyed, key)
    assert answer.status == 401
    assert "set-cookie" not in answer.headers
    assert "There is no active key like this." in Reading(answer.body.decode()).words


@pytest.mark.parametrize("following", ["https://evil.example", "//evil.example", "/%5Cevil.example", "x", ""])
def test_the_login_leads_nowhere_else(keyed: Running, following: str) -> None:
    """A link that was made to lead away after the login leads to the list."""
    answer = logged_in(keyed, keyed.keys.create_key("led"), following)
    assert (answer.status, answer.headers["location"]) == (303, "/sessions")


def test_a_foreign_page_logs_nobody_in_or_out(keyed: Running) -> None:
    """A form that another origin sends is refused; one without Origin comes from no browser."""
    key = keyed.keys.create_key("theirs")
    assert logged_in(keyed, key, Origin="https://evil.example").status == 403
    assert keyed.ask("POST", "/logout", b"", Origin="null").status == 403
    assert logged_in(keyed, key, Origin=keyed.url).status == 303
    out = keyed.ask("POST", "/logout", b"", Origin=keyed.url)
    assert (out.status, out.headers["location"], cookie(out)) == (303, "/login", 'agentops_dashboard=""')


def test_a_session_of_another_project_is_not_there(keyed: Running) -> None:
    """It answers as one that nobody has, with a page, in every form."""
    ours, theirs = keyed.keys.create_key("ours"), keyed.keys.create_key("theirs")
    keyed.ask("POST", "/v1/traces", calls("foreign", 1), key=theirs, Content_Type=PROTOBUF)
    paths = ("/sessions/foreign", "/sessions/unknown", "/exports/jsonl/foreign", "/exports/jsonl/unknown")
    answers = [keyed.ask("GET", path, Cookie=cookie(logged_in(keyed, ours))) for path in paths]

    assert [answer.status for answer in answers] == [404] * 4
    assert len({answer.body for answer in answers}) == 1
    assert keyed.ask("GET", "/sessions/foreign", Cookie=cookie(logged_in(keyed, theirs))).status == 200


@pytest.fixture
def parent(keyed: Running) -> str:
    """The cookie of a project with a session of its own, that may read one of the project child."""
    with closing(SqliteStore(keyed.db)) as store:
        for project, session_id in (("child", "shared"), ("child", "secret"), ("parent", "own")):
            call = LLMCall(event_id="c", session_id=session_id, name="chat", init_timestamp=time.time_ns(), model="m")
            store.append(project, [EventFact(call)])
        store.share("child", "shared", "parent")
    return cookie(logged_in(keyed, keyed.keys.create_key("parent")))


def test_a_session_under_a_parent_key_can_be_read_and_not_changed(keyed: Running, parent: str) -> None:
    """Its client let the parent's project read it: the page is there, without forms that change it."""
    page = Reading(keyed.ask("GET", "/sessions/shared", Cookie=parent).body.decode())
    fields = b"session=own&session=shared&tags=x&new_tag=x&sure=yes"
    changed = [keyed.ask("POST", f"/change/{name}", fields, Cookie=parent) for name in ("tags", "tag", "delete")]

    assert [form.attributes["action"] for form in page.all("form")] == ["/logout", "/compare", "/sessions/shared"]
    assert len(page.all("a", "row")) == 1
    assert [answer.status for answer in changed] == [403] * 3
    assert keyed.ask("GET", "/sessions/own", Cookie=parent).status == 200


def test_a_session_under_a_parent_key_is_listed_by_the_parent(keyed: Running, parent: str) -> None:
    """Among its own ones, with the project it is of; or alone, or left out. The overview adds up its own, says so, and
    leads to them."""

    def listed(query: str) -> list[str]:
        page = Reading(keyed.ask("GET", f"/sessions?{query}", Cookie=parent).body.decode())
        return sorted(str(box.attributes["value"]) for box in page.all("input", "pick"))

    both = keyed.ask("GET", "/sessions", Cookie=parent).body.decode()
    overview = Reading(keyed.ask("GET", "/overview?since=365d", Cookie=parent).body.decode())
    leads = [link for link in overview.links() if "until=" in link]

    assert [listed(query) for query in ("", "shared=yes", "shared=no")] == [["own", "shared"], ["shared"], ["own"]]
    assert both.count("of project child") == 1
    assert "Sessions of other projects that this one may read are not added up" in overview.words
    assert leads
    assert all("shared=no" in link for link in leads)


def test_a_long_form_is_refused(keyed: Running) -> None:
    """A login is short."""
    assert keyed.ask("POST", "/login", b"key=" + b"x" * 10_000).status == 413


def test_an_open_server_needs_no_login(recorded: Recorded) -> None:
    """Without keys there is nothing to log in to."""
    answer = recorded.server.ask("GET", "/login")
    assert (answer.status, answer.headers["location"]) == (303, "/sessions")
