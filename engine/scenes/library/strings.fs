/*{
  "DESCRIPTION": "Strings stretched over the picture, plucked one after another, each swinging in its own mode",
  "CATEGORIES": ["Generator", "strings"],
  "SOFT": true,
  "KEYWORDS": [
    "pedal", "string", "thread", "guitar", "harp", "pluck",
    "violin", "chord", "tension", "fiddle", "rope", "web"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "slant", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.6, "MAX": 0.6},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.35, "MAX": 0.7},
    {"NAME": "phase", "TYPE": "float", "DEFAULT": 0.0, "MIN": -10.0, "MAX": 10.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = turn(slant) * centred();
    float t = TIME * pace;
    float u = p.x / 2.1;
    float v = 0.47 - 0.10 * p.y * sin(0.3 * t + phase) + 0.05 * sin(2.0 * p.x + 1.3 * p.y + t), row = 0.0;
    float ends = max(0.0, 1.0 - u * u);
    for (int i = 0; i < 6; i++) {
        float id = float(i);
        vec2 chance = hash2(vec2(id, 5.0 + floor(phase)));
        float since = fract(0.5 * t + chance.x) / 0.5;
        float mode = 1.0 + floor(3.0 * chance.y);
        float strength = ends * exp2(-1.1 * since) * smoothstep(0.0, 0.04, since);
        float base = (id - 2.5) * 0.36;
        float bend = sway(1.5708 * mode * (u + 1.0));
        float swing = 0.30 * strength * bend;
        float y = p.y - base;
        // the blur that a swinging string is for the eye, and the string itself
        float belly = abs(swing);
        float blur = smoothstep(belly + 0.02, belly * 0.55, abs(y)) * min(1.0, 18.0 * belly);
        float d = abs(y - swing * sway(9.0 * since + 1.57)) - mix(0.020, 0.008, id / 5.0);
        float line = fill(d);
        float shadow = smoothstep(0.10, 0.0, abs(y - swing + 0.07));
        float own = mod(id + floor(phase), 3.0);
        v -= 0.13 * shadow * (1.0 - line);
        v = mix(v, 0.62 + 0.2 * strength, 0.8 * blur);
        row = mix(row, own, 0.9 * blur);
        v = mix(v, 0.80 + 0.2 * strength, line);
        row = mix(row, own, line);
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
