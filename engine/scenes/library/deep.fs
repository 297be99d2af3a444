/*{
  "DESCRIPTION": "A shaft that one falls down: wall after wall, darker the deeper, a glow from the bottom",
  "CATEGORIES": ["Generator", "deep"],
  "SOFT": true,
  "KEYWORDS": [
    "deep", "abyss", "tunnel", "cave", "depth", "bass",
    "shadow", "well", "dark", "hollow", "canyon", "endless"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "sides", "TYPE": "float", "DEFAULT": 6.0, "MIN": 3.0, "MAX": 9.0},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.35, "MAX": 0.65},
    {"NAME": "twist", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.5, "MAX": 0.5},
    {"NAME": "phase", "TYPE": "float", "DEFAULT": 0.0, "MIN": -10.0, "MAX": 10.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float n = floor(sides);
    float nearest = floor(TIME * pace), rest = fract(TIME * pace);
    // from the nearest wall down, until the pixel is covered; each wall is a plate with a hole
    float v = 0.0, row = 0.0, open = 1.0;
    for (int i = 0; i < 8; i++) {
        float depth = float(i) + 1.0 - rest;
        float id = nearest + float(i);
        vec2 aside = 0.035 * depth * vec2(sway(id * 0.9 + phase), sway(id * 0.7 + phase));
        vec2 q = p - aside;
        float a = (angle(q) + twist * id + 0.25 * sway(id * 1.3 + phase)) / TAU * n;
        float scale = 0.217 + 0.403 * depth;
        float d = length(q) * cos((fract(a) - 0.5) / n * TAU) * scale;
        float edge = d - 0.62 - 0.05 * sway(id * 2.4);
        float plate = clamp(0.5 + edge / (scale * pixel()), 0.0, 1.0);
        float inner = max(edge, 0.0);
        float body = mix(0.56, 0.10, depth / 8.0) - 0.12 / (1.0 + 30.0 * inner);
        body += 0.5 / (1.0 + 900.0 * edge * edge) + 0.03 * sway(14.0 * edge - id);
        float cover = plate * smoothstep(0.0, 0.5, depth) * open;
        v += cover * body;
        row += cover * (mod(id, 3.0) == 0.0 ? 1.0 : 0.0);
        open -= cover;
        if (open < 0.004) break;
    }
    v += open * (0.6 + 0.4 / (1.0 + 12.0 * dot(p, p)));
    row += open;
    gl_FragColor = vec4(ink(v, row), 1.0);
}
