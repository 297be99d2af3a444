"""Jobs to clips: the render process, its scheduler, the clip store and the generators."""
