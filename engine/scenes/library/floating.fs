/*{
  "DESCRIPTION": "Paper lanterns rise through warm air, near ones large and soft, far ones small",
  "CATEGORIES": ["Generator", "floating"],
  "SOFT": true,
  "KEYWORDS": [
    "floating", "feather", "lantern", "balloon", "drift", "dream", "breath",
    "light", "flute", "cello", "bellows", "glow", "weightless"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "lift", "TYPE": "float", "DEFAULT": 0.2, "MIN": 0.14, "MAX": 0.28},
    {"NAME": "lean", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.25, "MAX": 0.25},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -30.0, "MAX": 30.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = 2.0 * TIME;
    float haze = noise(vec2(p.x * 0.8 + 0.1 * t + place, p.y * 1.2 - 0.1 * t));
    float v = 0.36 + 0.16 * haze - 0.08 * p.y;
    float row = 0.5 * smoothstep(0.35, 0.9, haze - 0.3 * p.y);
    for (int k = 0; k < 3; k++) {
        float near = float(k) / 2.0;
        float scale = k == 0 ? 2.3 : k == 1 ? 1.25 : 0.62;
        vec2 q = p * scale + vec2(lean * t * (0.4 + near) + place * (1.0 + float(k)), -t * lift * (1.5 - 0.5 * near));
        float column = floor(q.x);
        q.y += 7.0 * hash(vec2(column, float(k)));
        vec2 chance = hash2(vec2(column, floor(q.y)) + 13.0 * float(k));
        float there = step(chance.x, k == 2 ? 0.5 : 0.62);
        float lilt = sway(t * (0.5 + chance.y) + TAU * chance.x);
        vec2 c = fract(q) - 0.5 - vec2(0.06 * lilt + 0.3 * (chance.y - 0.5), 0.16 * (chance.x - 0.3));
        c = turn(0.15 * lilt) * c / (0.7 + 0.5 * chance.y);
        // a lantern: a dome on a tapering barrel, open below
        float wide = 0.135 + 0.16 * c.y - 0.9 * c.y * c.y * step(0.0, c.y);
        float d = max(abs(c.x) - wide, max(c.y - 0.24, -c.y - 0.18));
        float soft = k == 2 ? 0.03 : 1.5 * pixel() * scale;
        float body = smoothstep(soft, -soft, d) * there;
        vec2 f = c + vec2(0.0, 0.13);
        float flicker = 0.93 + 0.07 * sway(t * 9.0 + TAU * chance.y);
        float glow = flicker / (1.0 + 26.0 * dot(f, f));
        float halo = max(0.0, 1.0 - 2.4 * length(c)) * there;
        v += 0.36 * halo * halo * (1.0 - body);
        v = mix(v, 0.34 + 0.62 * glow - 0.06 * smoothstep(0.75, 1.0, sway(c.y * 110.0)), body);
        row = mix(row, chance.y > 0.55 ? 1.0 : chance.y < 0.15 ? 2.0 : 0.0, body);
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
