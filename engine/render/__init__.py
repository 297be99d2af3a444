"""Jobs to clips: the render process, its scheduler, the clip cache and the generators."""
