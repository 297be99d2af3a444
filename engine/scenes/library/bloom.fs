/*{
  "DESCRIPTION": "A flower that never stops opening: petals grow from its heart and turn outwards",
  "CATEGORIES": ["Generator", "bloom"],
  "SOFT": true,
  "KEYWORDS": ["bloom", "flower", "rose", "petal", "garden", "spring", "leaf", "grow", "spiral", "sun", "spinning", "vine"],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "petals", "TYPE": "float", "DEFAULT": 7.0, "MIN": 5.0, "MAX": 10.0},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.55, "MIN": 0.4, "MAX": 0.7},
    {"NAME": "off_centre", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.6, "MAX": 0.6}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred() - vec2(off_centre, -0.3 * off_centre);
    float t = TIME * pace;
    float n = floor(petals);
    float r = length(p), a = angle(p) / TAU * n;
    // wreaths of petals; the inner ones lie over the outer ones
    float v = 0.0, row = 0.0, open = 1.0, shadow = 0.0;
    for (int i = 0; i < 7; i++) {
        float age = float(i) + fract(t);
        float id = floor(t) - float(i);
        float size = 0.06 + 0.11 * age + 0.028 * age * age;
        float s = a + 0.5 * mod(id, 2.0) + 0.12 * sway(1.3 * id + t);
        float across = (fract(s) - 0.5) * 2.0;
        float shape = size * (0.72 + 0.36 * sqrt(max(0.0, 1.0 - across * across)) - 0.06 * exp2(-40.0 * across * across));
        float d = r - shape;
        float cover = clamp(0.5 - d / pixel(), 0.0, 1.0) * open;
        float deep = r / shape;
        float vein = 0.035 * sway(22.0 * across) * smoothstep(0.4, 1.0, deep);
        float body = 0.26 + 0.36 * deep * deep - 0.14 * across * across + vein + 0.26 * smoothstep(0.94, 1.0, deep) - shadow;
        v += cover * body;
        row += cover * (mod(id, 4.0) == 0.0 ? 1.0 : 0.0);
        open -= cover;
        if (open < 0.004) break;
        shadow = 0.22 * smoothstep(0.35 * size + 0.05, 0.0, d);
    }
    v += open * (0.50 - shadow + 0.03 * sin(40.0 * r - 6.0 * t));
    // the heart: seeds in a golden spiral
    float seed = fract(n * 3.0 * (angle(turn(-3.0 * r - t) * p) / TAU)) - 0.5;
    float heart = smoothstep(0.13, 0.11, r);
    v = mix(v, 0.35 + 0.5 * smoothstep(0.3, 0.0, abs(seed)) * smoothstep(0.5, 0.2, abs(fract(30.0 * r - 2.0 * t) - 0.5)), heart);
    row = mix(row, 2.0, heart);
    gl_FragColor = vec4(ink(v, row), 1.0);
}
