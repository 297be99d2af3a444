/*{
  "DESCRIPTION": "A blow: rings of pressure bend the rays behind them, splinters fly outwards",
  "CATEGORIES": ["Generator", "impact"],
  "SOFT": true,
  "KEYWORDS": [
    "impact", "burst", "crash", "explosion", "hit", "strike", "blast",
    "slam", "snare", "rimshot", "clap", "break", "firework", "hammer"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "rays", "TYPE": "float", "DEFAULT": 12.0, "MIN": 6.0, "MAX": 18.0},
    {"NAME": "off_centre", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.8, "MAX": 0.8},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.28, "MIN": 0.2, "MAX": 0.36},
    {"NAME": "spin", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.5, "MAX": 0.5}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred() - vec2(off_centre, -0.35 * off_centre);
    float r = length(p), a = atan(p.y, p.x) / TAU;
    float t = TIME * pace;
    // rings of pressure
    float light = 0.0, push = 0.0;
    for (int i = 0; i < 3; i++) {
        float age = fract(t + float(i) / 3.0);
        float d = (r - 2.6 * sqrt(age) * age - 0.1) / (0.05 + 0.22 * age);
        float shape = max(0.0, 1.0 - d * d);
        light += shape * shape * (1.0 - age);
        push += d * shape * (1.0 - age);
    }
    // rays, bent by the rings
    float turned = a + spin * t * 0.2 + 0.03 * push;
    float n = floor(rays);
    float wedge = turned * n;
    float id = mod(floor(wedge), n);
    float edge = abs(fract(wedge) - 0.5);
    float wide = 0.18 + 0.3 * hash(vec2(id, 3.0));
    float ray = smoothstep(0.0, 0.02 + 0.012 * n / (1.0 + 20.0 * r), wide - edge);
    float v = 0.46 + 0.13 * ray - 0.06 * r + 0.4 * light;
    v += 0.5 / (1.0 + 30.0 * r * r);
    float row = 0.0;
    // splinters, two layers
    for (int k = 0; k < 2; k++) {
        float sectors = 17.0 + 10.0 * float(k);
        float s = (a + 0.02 * push) * sectors + float(k) * 0.5;
        float cell = mod(floor(s), sectors);
        vec2 chance = hash2(vec2(cell, 7.0 + float(k)));
        float age = fract(t * (0.8 + 0.5 * chance.x) + chance.y);
        float far = 0.12 + 2.4 * age;
        float across = (fract(s) - 0.5) / sectors * TAU * r;
        float along = r - far;
        float size = (0.03 + 0.09 * chance.x) * (0.4 + far);
        vec2 q = turn(TAU * (chance.y + 2.0 * age * (chance.x - 0.5))) * vec2(along, across);
        float d = max(abs(q.x) * 0.8 + q.y * 0.5, -q.y) - 0.35 * size;
        float shard = fill(d) * smoothstep(0.0, 0.1, age);
        v = mix(v, q.x > 0.0 ? 0.85 : 0.25, shard);
        row = mix(row, chance.x > 0.6 ? 2.0 : 1.0, shard);
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
