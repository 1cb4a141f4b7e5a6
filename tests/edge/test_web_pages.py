"""Web pages over HTTP: whose they are, and the policy that they come with."""

from __future__ import annotations

from edge.edge_server import Edge
from studio.documents.web_page import WebPage
from studio.storage.persons import browser_person

ALICE, BOB = "a" * 32, "b" * 32
SOURCE = "<html><head><title>x</title></head><body><script>1</script><p>Hello</p></body></html>"


def test_a_page_is_served_to_its_owner_in_a_sandbox(edge: Edge) -> None:
    page = edge.studio.store.web_pages.save(browser_person(ALICE), WebPage(text="x", source=SOURCE))
    path = f"/web/{page.id}/{page.version}"
    with edge.client(ALICE) as alice, edge.client(BOB) as bob, edge.client() as nobody:
        plain, running = alice.get(path), alice.get(path, params={"scripts": "true"})
        for answer, sandbox in ((plain, "sandbox"), (running, "sandbox allow-scripts")):
            policy = [part.strip() for part in answer.headers["content-security-policy"].split(";")]
            assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
            assert policy[0] == "default-src 'none'" and policy[-1] == sandbox and "allow-same-origin" not in policy[-1]
            assert "form-action 'none'" in policy and "base-uri 'none'" in policy and "frame-ancestors 'self'" in policy
            assert "nonce" not in answer.text and "window.studio" not in answer.text  # nothing of ours is put into it
            assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
        assert "script" not in plain.text.replace("script-src", "") and "<script>1</script>" in running.text
        assert bob.get(path).status_code == nobody.get(path).status_code == 404
        for wrong in (f"/web/{page.id}/9", "/web/999999/1", "/web/x/1", f"/web/{page.id}/{2**70}", f"/web/{2**70}/1"):
            assert alice.get(wrong).status_code == 404


def test_the_studio_itself_is_shown_in_no_page_of_that_kind(edge: Edge) -> None:
    """What a page in a sandbox asks for comes from an origin of its own."""
    asked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    with edge.client(ALICE) as alice:
        assert alice.get("/", headers=asked).status_code == 403
        assert "frame-src 'self'" in alice.get("/").headers["content-security-policy"]
