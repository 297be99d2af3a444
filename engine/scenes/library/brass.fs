/*{
  "DESCRIPTION": "A brass section: polished bells turned to the viewer, light running round them, slides moving behind",
  "CATEGORIES": ["Generator", "brass"],
  "SOFT": true,
  "KEYWORDS": [
    "brass", "gold", "metal", "trumpet", "silver", "bell", "gong",
    "shine", "crown", "copper", "anvil", "chain", "metallic"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "slides", "TYPE": "float", "DEFAULT": 3.2, "MIN": 2.4, "MAX": 4.0},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.9, "MIN": 0.7, "MAX": 1.2},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -40.0, "MAX": 40.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    float px = pixel();

    // slides: tubes one above the other, a gleam running along each
    float y = p.y * slides + 0.35 * p.x + 0.5;
    float k = floor(y);
    float n = (fract(y) - 0.5) * 2.0;
    float gleam = p.x - 1.7 * sin(0.8 * t + 2.4 * k);
    float v = 0.30 + 0.16 * (1.0 - n * n) + 0.16 * smoothstep(0.28, 0.0, abs(n - 0.35));
    v += 0.14 * smoothstep(0.7, 0.0, abs(gleam)) * (1.0 - n * n);
    v *= 1.0 - 0.75 * smoothstep(0.80, 0.98, abs(n));
    float row = mod(k, 3.0) == 0.0 ? 1.0 : 0.0;

    // bells, the nearest first
    vec2 lamp = vec2(cos(1.1 * t), sin(1.1 * t));
    float shade = 1.0;
    for (int i = 0; i < 7; i++) {
        float at = float(i);
        vec2 chance = hash2(vec2(at, floor(place)));
        float size = 0.78 - 0.075 * at + 0.12 * chance.x;
        vec2 centre = vec2(
            3.3 * (fract(0.13 + 0.382 * at + 0.15 * chance.y) - 0.5),
            1.6 * (fract(0.31 + 0.445 * at + 0.15 * chance.x) - 0.5)
        );
        centre += 0.07 * vec2(sway(0.9 * t + 2.1 * at), sway(0.7 * t + 1.3 * at));
        vec2 d = (p - centre) / size;
        float r = dot(d, d);
        if (r > 1.0) {
            if (r < 2.0) shade *= 1.0 - 0.35 * smoothstep(1.30, 1.0, length(d + vec2(-0.08, 0.11)));
            continue;
        }
        r = sqrt(r);
        float side = dot(d, lamp) / max(r, 1e-4);
        float deep = log(max(r, 0.04));
        // what a horn reflects runs together towards its throat
        float room = sin(7.0 * deep + 2.2 * side + 1.5 * t + at);
        float flare = smoothstep(0.25, 0.75, r);
        float blaze = smoothstep(0.88, 1.0, side);
        v = 0.43 + 0.17 * side + 0.13 * room * (1.0 - 0.5 * flare);
        v += (0.34 * blaze * blaze + 0.14 * smoothstep(0.92, 1.0, -side)) * flare;
        v *= mix(0.18, 1.0, smoothstep(0.12, 0.42, r));
        float rim = smoothstep(0.895, 0.91, r);
        v = mix(v, 0.52 - 0.34 * side, rim);
        v += 0.35 * rim * smoothstep(0.035, 0.0, abs(r - 0.955)) * (0.55 - 0.45 * side);
        v *= 1.0 - 0.7 * smoothstep(1.0 - 3.0 * px / size, 1.0, r);
        v *= 1.0 - 0.6 * smoothstep(0.02, 0.0, abs(r - 0.90));
        row = mod(at, 3.0) == 1.0 ? 0.9 * smoothstep(0.55, 0.15, r) : 0.0;
        break;
    }
    gl_FragColor = vec4(ink(v * shade, row), 1.0);
}
