/*{
  "DESCRIPTION": "Streets of towers pass by, window after window lit, cars below",
  "CATEGORIES": ["Generator", "city"],
  "KEYWORDS": [
    "city", "street", "tower", "building", "night", "traffic",
    "skyline", "subway", "road", "bridge", "march"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.2, "MIN": 0.14, "MAX": 0.28},
    {"NAME": "rise", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.2, "MAX": 0.8},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -200.0, "MAX": 200.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    float moon = length(p - vec2(0.9 * sin(place), 0.55));
    float v = 0.56 - 0.10 * p.y + 0.12 / (1.0 + 5.0 * moon * moon), row = 0.0;
    float disc = fill(moon - 0.22);
    v = mix(v, 0.92, disc);
    row = mix(row, 1.0, disc);
    for (int k = 0; k < 5; k++) {
        float near = float(k) / 4.0;
        float scale = mix(7.0, 1.7, near);
        float x = p.x * scale + place + t * mix(1.2, 2.4, near) + 11.0 * float(k);
        float block = floor(x);
        vec2 chance = hash2(vec2(block, float(k) + 2.0));
        float inside = fract(x);
        float top = mix(0.35, -0.30, near) + (0.25 + 0.5 * rise) * (chance.x - 0.35) * mix(1.0, 1.2, near);
        float gap = 0.03 + 0.10 * chance.y;
        // some roofs step back, some carry a mast
        float stepped = chance.y > 0.5 ? 0.12 * step(abs(inside - 0.5), 0.22) : 0.0;
        float mast = chance.x > 0.6 ? 0.16 * step(abs(inside - 0.5), 0.02) : 0.0;
        float roof = top + stepped / sqrt(scale) + mast;
        float side = min(inside - gap, 1.0 - gap - inside) / scale;
        float house = fill(-side) * fill(p.y - roof);
        float face = inside < 0.62 ? 0.0 : -0.07;
        float body = mix(0.50, 0.16, near) + face + 0.10 * smoothstep(0.5, -0.8, p.y) * (1.0 - near);
        vec2 w = vec2(inside * 7.0, (roof - p.y) * scale * 3.4);
        vec2 pane = abs(fract(w) - 0.5);
        float glass = step(pane.x, 0.30) * step(pane.y, 0.27) * step(0.35, w.y) * (1.0 - step(0.01, mast));
        float lit = hash(floor(w) + block * 7.1 + floor(TIME * 0.7 + 3.0 * hash(floor(w))) * 0.37);
        float on = glass * step(mix(0.80, 0.62, near), lit) * step(0.25, near);
        v = mix(v, mix(body + 0.05 * glass * (1.0 - near), 0.90, on), house);
        row = mix(row, on > 0.5 && lit > 0.85 ? 1.0 : 0.0, house);
    }
    // the street: headlights one way, tail lights the other
    float road = fill(p.y + 0.86);
    v = mix(v, 0.24, road);
    row = mix(row, 0.0, road);
    for (int k = 0; k < 2; k++) {
        float way = k == 0 ? 1.0 : -1.0;
        float x = p.x * 1.6 + way * TIME * (0.35 + pace) + place;
        float car = fract(x) - 0.5;
        float there = step(0.35, hash(vec2(floor(x), 3.0 + float(k))));
        float y = p.y + 0.90 + 0.055 * float(k);
        float lamp = there / (1.0 + 700.0 * y * y) * smoothstep(0.5, 0.0, abs(car)) * smoothstep(0.0, 0.08, car * way + 0.12);
        v += 0.6 * lamp * road;
        row = mix(row, 1.0 + float(k), lamp * road);
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
