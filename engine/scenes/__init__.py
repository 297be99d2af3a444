"""Pictures drawn by GLSL: the GL context, ISF files, their inputs."""
