/*{
  "DESCRIPTION": "A circuit board seen from above, current running along its traces",
  "CATEGORIES": ["Generator", "tech"],
  "KEYWORDS": [
    "tech", "circuit", "neon", "digital", "machine", "robot", "electric",
    "wire", "synth", "laser", "engine", "gear", "maze", "pixel"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "density", "TYPE": "float", "DEFAULT": 3.6, "MIN": 2.6, "MAX": 4.8},
    {"NAME": "heading", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.0, "MAX": 6.28},
    {"NAME": "tilt", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.5, "MAX": 0.5}
  ]
}*/
#include "lib.glsl"

// Traces of one layer: light of the current in x, the trace itself in y, pads in z.
vec3 traces(vec2 p, float seed, float t) {
    vec2 cell = floor(p), q = fract(p) - 0.5;
    float h = hash(cell + seed);
    if (h > 0.5) q.x = -q.x;
    // two quarter turns with a flat part, as a board has them: octagonal distance
    vec2 a = abs(q - 0.5), b = abs(q + 0.5);
    float da = max(max(a.x, a.y), (a.x + a.y) * 0.7071);
    float db = max(max(b.x, b.y), (b.x + b.y) * 0.7071);
    float near = da < db ? da : db;
    vec2 corner = da < db ? q - 0.5 : q + 0.5;
    float d = abs(near - 0.5);
    float way = atan(corner.y, corner.x) / TAU * 4.0;
    float flow = fract(way + (h > 0.5 ? 1.0 : -1.0) * 0.0 + t * 0.9 + hash(cell * 1.7 + seed));
    float run = smoothstep(0.75, 1.0, flow);
    float line = smoothstep(0.055, 0.035, d);
    float pad = hash(cell + seed + 9.0) > 0.72 ? smoothstep(0.20, 0.185, length(q)) : 0.0;
    return vec3(run * line + run * 0.35 * smoothstep(0.25, 0.0, d), line, pad);
}

void main() {
    vec2 p = centred();
    p = turn(tilt) * p;
    p *= 1.0 + 0.18 * p.y;  // the board leans back
    vec2 go = vec2(cos(heading), sin(heading)) * 0.6 * TIME;
    vec2 under = p * density * 0.62 + 0.25 * go;
    vec2 over = p * density + 0.55 * go;
    vec3 low = traces(under, 40.0, TIME * 0.4);
    vec3 high = traces(over, 0.0, 0.6 * TIME);
    vec2 grid = abs(fract(over * 4.0) - 0.5);
    float v = 0.45 - 0.05 * smoothstep(0.44, 0.48, max(grid.x, grid.y));
    v = mix(v, 0.36, low.y) + 0.25 * low.x;
    float row = 0.0;
    v = mix(v, 0.62, high.y);
    // chips: some blocks of cells are covered
    vec2 block = floor(over / 3.0), inside = abs(fract(over / 3.0) - 0.5) * 3.0;
    if (hash(block + 5.0) > 0.72) {
        float box = max(inside.x, inside.y) - 0.95;
        float chip = smoothstep(0.03, 0.0, box);
        float pins = smoothstep(0.25, 0.2, box) * step(0.5, fract((inside.x > inside.y ? over.y : over.x) * 5.0));
        v = mix(v, 0.78, pins * (1.0 - chip));
        float die = smoothstep(0.5, 0.48, max(inside.x, inside.y));
        float blink = step(0.55, hash(floor(over * 8.0) + floor(TIME * 6.0)));
        v = mix(v, 0.16 + die * (0.25 + 0.4 * blink), chip);
        row = mix(row, 1.0, chip * die);
        high *= 1.0 - chip;
    }
    v = mix(v, 0.8, high.z);
    row = mix(row, 2.0, max(high.z, 0.0));
    v = mix(v, 0.2, high.z * smoothstep(0.1, 0.09, length(fract(over) - 0.5)));
    v += 0.55 * high.x;
    row = mix(row, 1.0, clamp(high.x, 0.0, 1.0) * 0.6);
    gl_FragColor = vec4(ink(v - 0.05 * dot(p, p), row), 1.0);
}
