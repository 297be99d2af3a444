/*{
  "DESCRIPTION": "Beaten metal: hammered dents turn the light, a long gleam travels over it",
  "CATEGORIES": ["Generator", "brass"],
  "SOFT": true,
  "KEYWORDS": [
    "brass", "gold", "metal", "trumpet", "silver", "bell", "gong",
    "shine", "crown", "copper", "anvil", "chain", "metallic"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "dents", "TYPE": "float", "DEFAULT": 3.0, "MIN": 2.0, "MAX": 4.0},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.9, "MIN": 0.7, "MAX": 1.2},
    {"NAME": "off_centre", "TYPE": "float", "DEFAULT": 0.0, "MIN": -1.0, "MAX": 1.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred() - vec2(off_centre, 0.25 * off_centre);
    float t = TIME * pace;
    float r = length(p);
    // a gong: rings beaten into it, dents along the rings
    float ringing = 0.10 * sin(14.0 * r - 6.0 * t) / (1.0 + 2.0 * r);
    float rings = r * dents + ringing;
    float ring = floor(rings);
    float count = max(1.0, floor(ring * 6.0 + 3.0));
    float a = angle(p) / TAU + 0.11 * ring + (mod(ring, 2.0) < 0.5 ? 0.02 : -0.02) * t;
    vec2 dent = vec2((fract(a * count) - 0.5) * 2.0, (fract(rings) - 0.5) * 2.0);
    vec2 out_ = p / max(r, 1e-4), along = vec2(-out_.y, out_.x);
    // shallow dents that run into one another, each hit a little harder or softer
    float hit = 0.55 + 0.45 * hash(vec2(floor(a * count), ring));
    float bowl = max(0.0, 1.0 - dot(dent, dent) * 0.5);
    vec2 normal = (along * dent.x + out_ * dent.y) * bowl * bowl * 1.1 * hit + out_ * 0.8 * cos(14.0 * r - 6.0 * t) / (1.0 + 2.0 * r);
    vec2 lamp = vec2(cos(0.8 * t), sin(0.8 * t));
    float shine = dot(normal, lamp);
    // the room it reflects, in bands
    float room = sin(3.2 * shine + 1.4 * p.y + 0.9 * t);
    float v = 0.44 + 0.26 * shine + 0.08 * room;
    v += 0.34 * smoothstep(0.35, 0.85, shine);
    // brushed round, as a lathe leaves it: a cross of sheen turns with the lamp
    float sheen = dot(out_, lamp);
    v += 0.22 * smoothstep(0.80, 1.0, abs(sheen)) * smoothstep(0.05, 0.35, r) - 0.08 * smoothstep(0.5, 0.0, abs(sheen));
    float gleam = dot(p, vec2(0.8, 0.6)) - 3.2 * (fract(0.22 * t) - 0.5) * 1.6;
    v += 0.30 * smoothstep(0.40, 0.0, abs(gleam + 0.12 * shine));
    float row = smoothstep(0.1, 0.7, -shine) * 1.0;
    gl_FragColor = vec4(ink(v, row), 1.0);
}
