/*{
  "DESCRIPTION": "A wall of cut stone, its facets turning in the light",
  "CATEGORIES": ["Generator", "crystal"],
  "SOFT": true,
  "KEYWORDS": [
    "crystal", "glass", "shatter", "ice", "diamond", "stone", "gem",
    "splinter", "ride", "hi-hat", "cymbal", "frost", "prism", "snow", "marble"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "cut", "TYPE": "float", "DEFAULT": 1.7, "MIN": 1.1, "MAX": 2.4},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.9, "MIN": 0.6, "MAX": 1.2},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -40.0, "MAX": 40.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    vec2 q = p * cut + place + 0.15 * t;
    vec2 i = floor(q), f = q - i;
    // the nearest seed of a stone and the second nearest
    float first = 9.0, second = 9.0;
    vec2 id = vec2(0.0), to = vec2(0.0);
    for (int y = -1; y <= 1; y++)
    for (int x = -1; x <= 1; x++) {
        vec2 cell = vec2(float(x), float(y));
        vec2 chance = hash2(i + cell);
        vec2 d = cell + 0.15 + 0.7 * chance - f;
        float m = dot(d, d);
        if (m < first) {
            second = first;
            first = m;
            id = chance;
            to = d;
        } else if (m < second) {
            second = m;
        }
    }
    float edge = (sqrt(second) - sqrt(first));
    // each stone is a cut gem: facets around a flat table
    float sides = 5.0 + floor(4.0 * id.x);
    float a = (angle(to) + TAU * id.y) / TAU * sides;
    float facet = floor(a);
    float table = step(length(to) * cos((fract(a) - 0.5) / sides * TAU), 0.17 + 0.08 * id.y);
    float way = (facet + 0.5) / sides * TAU - TAU * id.y;
    float lamp = 0.9 * t + 2.0 * id.x;
    float shine = mix(cos(way - lamp), cos(0.6 * lamp + 5.0 * id.y), table);
    float v = 0.46 + 0.24 * shine + 0.06 * (id.x - 0.5);
    float glint = smoothstep(0.93, 1.0, shine);
    v += 0.35 * glint + 0.05 * sin(9.0 * dot(to, vec2(cos(way), sin(way))) + 2.0 * lamp);
    float row = id.x > 0.84 ? 1.0 : id.y > 0.92 ? 2.0 : 0.0;
    float seam = smoothstep(0.035, 0.01, edge);
    v = mix(v, 0.13, seam);
    v += 0.22 * smoothstep(0.10, 0.05, edge) * (1.0 - seam) * step(0.0, shine);
    gl_FragColor = vec4(ink(v, row * (1.0 - glint)), 1.0);
}
