"""A graph of a model and its tools, invoked and streamed, as the documentation of LangGraph shows it."""

from typing import Annotated, TypedDict

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode, tools_condition


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"The weather in {city} is sunny."


class State(TypedDict):
    messages: Annotated[list, add_messages]


model = ChatOpenAI(model="gpt-4o-mini", stream_usage=True).bind_tools([get_weather])
graph = StateGraph(State)
graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
graph.add_node("tools", ToolNode([get_weather]))
graph.add_edge(START, "model")
graph.add_conditional_edges("model", tools_condition)
graph.add_edge("tools", "model")
app = graph.compile()

print(app.invoke({"messages": [("user", "What's the weather in Tokyo?")]})["messages"][-1].content)
for message, _ in app.stream({"messages": [("user", "And in Paris?")]}, stream_mode="messages"):
    print(message.content, end="")
print()
