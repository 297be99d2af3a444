/*{
  "DESCRIPTION": "Trunks pass behind trunks, light falls between them, leaves drift down",
  "CATEGORIES": ["Generator", "forest"],
  "SOFT": true,
  "KEYWORDS": ["forest", "tree", "wood", "leaf", "autumn", "root", "branch", "jungle", "marimba", "earth", "wooden"],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.2, "MIN": 0.14, "MAX": 0.28},
    {"NAME": "light_from", "TYPE": "float", "DEFAULT": 0.0, "MIN": -1.2, "MAX": 1.2},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -200.0, "MAX": 200.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    vec2 sun = vec2(light_from, 1.25);
    vec2 s = p - sun;
    float shafts = noise(vec2(angle(s) * 9.0 + 0.25 * t, 1.3 * t)) * smoothstep(2.6, 0.3, length(s));
    float v = 0.50 + 0.16 / (1.0 + 1.5 * dot(s, s)), row = 0.0;
    for (int k = 0; k < 4; k++) {
        float near = float(k) / 3.0;
        float scale = mix(5.5, 0.95, near);
        float x = p.x * scale + place + t * mix(1.0, 1.9, near) + 31.0 * float(k);
        float lean = 0.10 * sway(2.0 * p.y + floor(x) * 2.1);
        float cell = floor(x + lean);
        vec2 chance = hash2(vec2(cell, float(k)));
        float d = abs(fract(x + lean) - 0.5 - 0.3 * (chance.x - 0.5));
        float wide = (0.09 + 0.09 * chance.y) * (1.0 + 0.35 * smoothstep(-0.4, -1.0, p.y));
        // a branch or two, rising from the trunk
        float fork = p.y - 0.5 + 0.9 * chance.x;
        float branch = abs(d - 0.9 * max(fork, 0.0)) - wide * 0.30 * step(0.0, fork);
        float wood = max(fill((d - wide) / scale), fill(branch / scale) * step(0.0, fork));
        float bark = k < 2 ? 0.0 : 0.05 * sway(60.0 * d + 9.0 * noise(vec2(cell, p.y * 6.0)));
        float round_ = 1.0 - smoothstep(0.0, 1.0, d / wide);
        float body = mix(0.56, 0.15, near) + 0.09 * round_ + bark * near;
        float rim = smoothstep(wide * 0.6, wide, d) * step(0.0, (fract(x + lean) - 0.5) * -s.x);
        body += 0.22 * rim * near;
        v = mix(v, body, wood);
        row = mix(row, k == 2 ? 1.0 : 0.0, wood);
        v += 0.055 * shafts;
        // the ground rises before each row
        float ground = mix(-0.62, -1.02, near) + 0.05 * sway(x * 1.7);
        float soil = fill(p.y - ground);
        v = mix(v, mix(0.50, 0.26, near), soil);
        row = mix(row, k == 2 ? 1.0 : 0.0, soil);
    }
    v += 0.10 * shafts;
    // leaves
    for (int k = 0; k < 1; k++) {
        float scale = 2.6 + 2.0 * float(k);
        vec2 q = (p + vec2(0.22 * sway(1.7 * p.y + 2.0 * t + float(k)) + 0.5 * t, (0.25 - 0.05 * float(k)) * TIME)) * scale;
        vec2 cell = floor(q), chance = hash2(cell + place);
        vec2 c = turn(TIME * (chance.x - 0.5) * 2.0 + TAU * chance.y) * (fract(q) - 0.3 - 0.4 * chance);
        float d = length(vec2(abs(c.x) + 0.13, c.y)) - 0.17;
        float leaf = step(chance.x, 0.45) * smoothstep(0.015, -0.005, d);
        v = mix(v, 0.66 + 0.9 * c.y, leaf);
        row = mix(row, chance.y > 0.5 ? 1.0 : 2.0, leaf);
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
