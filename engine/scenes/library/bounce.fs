/*{
  "DESCRIPTION": "Rubber balls leap over a floor, squash where they land, shadows under them",
  "CATEGORIES": ["Generator", "bounce"],
  "SOFT": true,
  "KEYWORDS": [
    "bounce", "ball", "spring", "tom", "jump", "bubble",
    "rubber", "gallop", "drum", "dance", "horse", "leap"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 1.0, "MIN": 0.8, "MAX": 1.3},
    {"NAME": "crowd", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.2, "MAX": 1.0},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -40.0, "MAX": 40.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    // a striped wall and a floor that runs away from us
    float floor_line = -0.42;
    float far = 1.0 / max(floor_line + 0.12 - p.y, 0.05);
    vec2 ground = vec2(p.x * far * 0.35 + 0.5 * t, far * 0.55);
    float tile = step(0.5, fract(ground.x)) == step(0.5, fract(ground.y)) ? 1.0 : 0.0;
    float stripe = smoothstep(-0.02, 0.02, sin(p.x * 5.0 + p.y * 3.0 + 2.0 * t + place));
    // a pool of light on the wall, another on the floor before it
    float pool = 1.0 / (1.0 + 0.7 * p.x * p.x + 1.6 * (p.y - 0.2) * (p.y - 0.2));
    float v = p.y > floor_line ? 0.32 + 0.09 * stripe + 0.38 * pool : 0.26 + 0.20 * tile + 0.24 * pool;
    float row = 0.0;
    v -= 0.12 * smoothstep(0.12, 0.0, abs(p.y - floor_line));
    for (int i = 0; i < 6; i++) {
        float id = float(i) + floor(place);
        vec2 chance = hash2(vec2(id, 4.0));
        if (i > 3 && chance.y > crowd) continue;
        float near = float(i) / 5.0;
        float size = mix(0.20, 0.52, near * near) * (0.8 + 0.4 * chance.y);
        float base = mix(floor_line - 0.02, -0.86, near);
        float beat = t * (0.95 + 0.35 * chance.x) + chance.y * 7.0;
        float leap = fract(beat);
        float height = 4.0 * leap * (1.0 - leap) * mix(0.75, 1.3, chance.x);
        float way = mod(4.4 * fract(float(i) * 0.382 + place) + (chance.x > 0.5 ? 0.5 : -0.5) * t, 4.4) - 2.2;
        // squash on the floor, stretch at speed
        float hit = max(0.0, 1.0 - 9.0 * min(leap, 1.0 - leap));
        float tall = 1.0 - 0.35 * hit + 0.12 * abs(1.0 - 2.0 * leap) * (1.0 - hit);
        vec2 c = vec2(way, base + size * tall + height);
        vec2 q = (p - c) * vec2(sqrt(tall), 1.0 / tall);
        float d = length(q) - size;
        vec2 s = (p - vec2(way, base)) * vec2(1.0, 4.5);
        float shadow = smoothstep(1.5, 0.3, length(s) / size) * (0.75 - 0.4 * min(height, 1.0));
        v -= 0.26 * shadow * step(p.y, floor_line + 0.04);
        float inside = fill(d);
        vec2 lit = q / size;
        float spin = beat * 2.0 * (chance.x - 0.5);
        float across = sway(spin + 1.5708) * lit.y - sway(spin) * lit.x;
        float band = step(0.22, abs(across));
        float light = 0.46 + 0.32 * dot(lit, vec2(-0.5, 0.75)) + 0.22 * smoothstep(0.6, 1.0, dot(lit, lit)) * step(lit.y, 0.2) + 0.5 * smoothstep(0.12, 0.0, dot(lit - vec2(-0.35, 0.45), lit - vec2(-0.35, 0.45)));
        v = mix(v, light, inside);
        float own = chance.y > 0.66 ? 3.0 : chance.y > 0.33 ? 1.0 : 2.0;
        row = mix(row, band > 0.5 ? own : 0.0, inside);
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
