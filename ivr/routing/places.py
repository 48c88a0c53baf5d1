"""Where something stands in a routing file."""

from ivr.routing.yaml_nodes import Block, Items, Node, Text


def place_of(node: Node, *path: str | int) -> Node:
    """The value at a path of keys and positions, or the nearest thing around it."""
    for step in path:
        match node:
            case Block() if isinstance(step, str):
                inner = next((value for key, value in node.items if key.value == step), None)
            case Items() if isinstance(step, int) and step < len(node.items):
                inner = node.items[step]
            case _:
                inner = None
        if inner is None:
            return node
        node = inner
    return node


def key_of(node: Node, *path: str) -> Node:
    """The last key of a path itself, or the nearest thing around it."""
    around = place_of(node, *path[:-1])
    keys = around.items if isinstance(around, Block) else ()
    return next((key for key, _ in keys if key.value == path[-1]), around)


def rule_places(root: Block) -> dict[str, Node]:
    """Rule → the item of the list that is it."""
    listed = place_of(root, "rules")
    items = listed.items if isinstance(listed, Items) else ()
    return {
        " ".join(name.value.split()): item
        for item in items
        if isinstance(name := place_of(item, "rule"), Text)
    }
