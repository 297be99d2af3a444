/*{
  "DESCRIPTION": "Long swells one behind the other, lit along their crests",
  "CATEGORIES": ["Generator", "wave"],
  "SOFT": true,
  "KEYWORDS": ["wave", "swell", "silk", "ribbon", "splash", "desert", "mountain", "tide"],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "swell", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 1.4, "MIN": 0.9, "MAX": 2.0},
    {"NAME": "drift", "TYPE": "float", "DEFAULT": 0.0, "MIN": -20.0, "MAX": 20.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    // the sky behind: the named colour, brighter around the sun
    float sun = length(p - vec2(0.7 * sin(drift), 0.42 + 0.05 * sin(0.7 * t)));
    float v = 0.55 - 0.2 * p.y + 0.2 / (1.0 + 9.0 * sun * sun);
    float row = 0.0;
    float disc = fill(sun - 0.3);
    v = mix(v, 0.93, disc);
    row = mix(row, 1.0, disc);
    for (int i = 0; i < 7; i++) {
        float depth = float(i) / 6.0;
        float x = p.x * mix(2.6, 0.9, depth) + drift + float(i) * 2.7 + t * mix(0.25, 0.8, depth);
        float height = sway(x) + 0.5 * sway(2.3 * x - t * 1.3 + float(i)) + 0.22 * sway(4.1 * x + t * 2.1);
        float below = 0.35 - 1.35 * depth + (0.09 + 0.13 * swell) * mix(0.55, 1.3, depth) * height - p.y;
        float near = max(below, 0.0);
        float light = 0.42 / (1.0 + near * near * mix(2400.0, 400.0, depth)) + 0.12 / (1.0 + 5.0 * near);
        float body = mix(0.58, 0.3, depth) + light;
        float inside = fill(-below);
        v = mix(v, body, inside);
        row = mix(row, i % 3 == 1 ? 1.0 : 0.0, inside);
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
