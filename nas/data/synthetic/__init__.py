"""A procedural driving world, rendered with exact labels."""

from nas.data.synthetic.render import View, render_frame
from nas.data.synthetic.source import SyntheticSource

__all__ = ["SyntheticSource", "View", "render_frame"]
