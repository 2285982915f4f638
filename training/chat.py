"""The chat template of course-gpt2: `User:` and `Assistant:` turns, a line each, the assistant's closed by end-of-text.

Documents in chat form leave the last end-of-text to the packing of rows, which puts one after every document.
"""

END = "<|endoftext|>"
# The line break is an expression, since the blocks of a chat template swallow a break written after them.
TEMPLATE = (
    "{% for message in messages %}"
    "{% if not loop.first %}{{ '\\n' }}{% endif %}"
    "{{ message['role'].capitalize() + ': ' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\nAssistant:' }}{% endif %}"
)


def chat(user: str, *more: str) -> str:
    """The turns in the order of speaking; after a user's turn it is the assistant's to speak."""
    turns = (user, *more)
    lines = [f"Assistant: {turn}{END}" if i % 2 else f"User: {turn}" for i, turn in enumerate(turns)]
    return "\n".join(lines if len(turns) % 2 == 0 else [*lines, "Assistant:"])
