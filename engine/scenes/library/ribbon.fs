/*{
  "DESCRIPTION": "Bands of cloth blow across the picture, over and under one another",
  "CATEGORIES": ["Generator", "ribbon"],
  "SOFT": true,
  "KEYWORDS": [
    "ribbon", "silk", "cloth", "flag", "swirl", "dance",
    "scarf", "melody", "clarinet", "lace", "swing", "velvet"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "slant", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.7, "MAX": 0.7},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.75, "MAX": 1.3},
    {"NAME": "phase", "TYPE": "float", "DEFAULT": 0.0, "MIN": -10.0, "MAX": 10.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = turn(slant) * centred();
    float t = TIME * pace;
    float v = 0.46 + 0.06 * sin(1.5 * p.x - 2.0 * p.y + 0.6 * t), row = 0.0;
    for (int i = 0; i < 5; i++) {
        float id = float(i);
        float x = p.x * (1.1 + 0.13 * id) + phase + 1.9 * id - t * (0.7 + 0.12 * id);
        float middle = 0.42 * sway(x) + 0.20 * sway(1.9 * x + 0.8 * t + id) + 0.36 * (id - 2.0);
        float slope = 0.42 * sway(x + 1.5708) + 0.38 * sway(1.9 * x + 0.8 * t + id + 1.5708);
        // the band turns about its own length: its width closes and opens, and we see its other side
        float twist = sway(0.9 * x + 0.7 * t + 2.1 * id);
        float half_ = 0.045 + 0.19 * abs(twist);
        float y = (p.y - middle) / sqrt(1.0 + slope * slope);
        float d = abs(y) - half_;
        float shadow = smoothstep(0.16, 0.0, abs(y + 0.07) - half_);
        float inside = fill(d);
        float u = y / half_;
        float light = 0.45 + 0.17 * twist * u + 0.14 * slope + 0.10 * sway(3.0 * u + 2.0 * x);
        light += 0.30 * smoothstep(0.75, 1.0, twist * 0.8 + 0.35 * u) + 0.035 * sway(42.0 * u);
        light += 0.16 * smoothstep(0.03, 0.0, abs(d));
        v = mix(v - 0.14 * shadow * (1.0 - inside), light, inside);
        float face = mod(id + floor(phase), 3.0);
        row = mix(row, twist > 0.0 ? face : face > 0.5 ? 0.0 : 1.0, inside);
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
