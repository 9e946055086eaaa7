"""Several sessions at once: in asyncio tasks and in threads, each records only what belongs to it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import agentops_otel as agentops


@agentops.record_action
async def think(topic: str) -> str:
    """Recorded in the session of the task that awaits it."""
    await asyncio.sleep(0)
    return f"a thought about {topic}"


async def one_task(topic: str) -> agentops.Session:
    """A session a task."""
    async with agentops.start_session(tags=["task", topic]) as session:
        await asyncio.gather(think(topic), think(f"more {topic}"))
    return session


def one_thread(topic: str) -> agentops.Session:
    """A session a thread."""
    with agentops.start_session(tags=["thread", topic]) as session:
        asyncio.run(think(topic))
    return session


async def tasks() -> list[agentops.Session]:
    """Three at once."""
    return await asyncio.gather(*(one_task(topic) for topic in ("rain", "snow", "hail")))


agentops.init(auto_start_session=False, instrument_llm_calls=False)
sessions = asyncio.run(tasks())
with ThreadPoolExecutor(2) as pool:
    sessions += pool.map(one_thread, ["fog", "frost"])

for session in sessions:
    analytics = session.get_analytics()
    print(f"{' '.join(session.tags):12} {analytics['Actions']} actions  {session.end_state}")
