"""GraphiQL in a real browser: built by Vite, served by the hub, with nothing from elsewhere."""

import asyncio
import shutil
from contextlib import suppress

import pytest

from hub.schema.ide import BUILT
from tests.schema.conftest import appeal, serve


@pytest.fixture
def browser() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium here: GraphiQL was not looked at (on Debian: apt install chromium)")
    if not (BUILT / "index.html").is_file():
        pytest.skip("GraphiQL is not built: run `make graphiql`")
    return found


@pytest.mark.timeout(300)
async def test_it_runs_explains_completes_and_follows_under_its_policy(city, store, script, browser):
    async def change_for_ever() -> None:
        for number in range(1_000):
            await serve(store, [appeal(8, title=f"第8件：改了{number}次")])
            await asyncio.sleep(0.2)

    changing = asyncio.create_task(change_for_ever())
    try:
        (seen,) = await script("browser.mjs", f"{city.url}/graphiql", browser)
    finally:
        changing.cancel()
        with suppress(asyncio.CancelledError):
            await changing

    assert (seen["errors"], seen["foreign"]) == ([], [])
    assert len(seen["examples"]) > 5
    assert "电梯停运" in seen["answer"]
    assert seen["boxed"] == 0, "full-width punctuation is marked as suspicious"
    assert "工单编号" in seen["documentation"]
    assert "appealNo" in seen["explorer"]
    assert "改了" in seen["live"]
    assert "appealByExternalId" in seen["completion"]
