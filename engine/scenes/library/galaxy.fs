/*{
  "DESCRIPTION": "A spiral of stars turns, its arms winding inwards; near stars fly past",
  "CATEGORIES": ["Generator", "spiral"],
  "KEYWORDS": [
    "spiral", "star", "galaxy", "space", "gold", "orbit", "night",
    "cosmos", "planet", "moon", "comet", "shimmer", "swarm", "whirlpool"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "arms", "TYPE": "float", "DEFAULT": 3.0, "MIN": 2.0, "MAX": 4.9},
    {"NAME": "winding", "TYPE": "float", "DEFAULT": 2.6, "MIN": 1.8, "MAX": 3.4},
    {"NAME": "tilt", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.7, "MAX": 0.7},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.8, "MIN": 0.6, "MAX": 1.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = turn(tilt) * centred();
    float t = TIME * pace;
    vec2 disc = vec2(p.x, p.y * 1.65);
    float r = length(disc);
    float a = angle(disc);
    float n = floor(arms);
    float wound = a * n + n * winding * log(r + 0.08) + 1.3 * t;
    vec2 turned = turn(-winding * log(r + 0.08) - 0.45 * t) * disc;
    float cloud = fbm3(turned * 3.2 + 9.0);
    float arm = 0.5 + 0.5 * cos(wound + 2.2 * (cloud - 0.5));
    float bulge = 1.0 / (1.0 + 22.0 * r * r);
    float v = 0.27 + 0.30 * arm * smoothstep(2.3, 0.2, r) + 0.25 * (cloud - 0.4) * arm + 0.62 * bulge;
    float row = smoothstep(0.55, 0.95, arm) * smoothstep(0.1, 0.5, r) * 0.9;
    // dust along the inner side of the arms
    v -= 0.16 * smoothstep(0.55, 0.95, 0.5 + 0.5 * cos(wound + 1.1 + 2.5 * cloud)) * smoothstep(0.15, 0.5, r) * smoothstep(1.9, 0.7, r);
    // stars of the disc
    vec2 g = turned * 17.0;
    vec2 chance = hash2(floor(g));
    float d = length(fract(g) - 0.2 - 0.6 * chance);
    float twinkle = 0.6 + 0.4 * sin(TIME * (3.0 + 4.0 * chance.x) + TAU * chance.y);
    v += 0.55 * smoothstep(0.16, 0.02, d) * step(chance.x, 0.25 + 0.35 * arm) * twinkle;
    // near stars that pass the viewer
    for (int k = 0; k < 3; k++) {
        float age = fract(0.22 * t + float(k) / 3.0);
        vec2 q = p * mix(9.0, 0.9, age) + 7.0 * float(k) + floor(0.22 * t + float(k) / 3.0) * 3.0;
        vec2 c = hash2(floor(q) + 5.0);
        vec2 e = fract(q) - 0.25 - 0.5 * c;
        float star = step(c.x, 0.35) * smoothstep(0.0, 0.3, age) * smoothstep(1.0, 0.7, age);
        float flare = 0.0016 / (dot(e, e) + 0.0012) + 0.00022 / (abs(e.x * e.y) + 0.0006) * smoothstep(0.3, 0.0, length(e));
        v += 0.55 * min(1.0, flare * 0.9) * star;
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
