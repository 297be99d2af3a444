/*{
  "DESCRIPTION": "Ink in water, smoke in air: one current folds into another",
  "CATEGORIES": ["Generator", "smoke"],
  "KEYWORDS": ["smoke", "mist", "fog", "steam", "ink", "haze", "sax", "ghost", "ghostly", "veil", "whisper", "dust"],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "fold", "TYPE": "float", "DEFAULT": 1.7, "MIN": 1.2, "MAX": 2.3},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.35, "MIN": 0.25, "MAX": 0.5},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -40.0, "MAX": 40.0}
  ],
  "PASSES": [
    {"TARGET": "current", "FLOAT": true, "WIDTH": "floor($WIDTH / 2)", "HEIGHT": "floor($HEIGHT / 2)"},
    {}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    if (PASSINDEX == 0) {
        // domain warping after Inigo Quilez: noise of noise of noise
        vec2 q = p * 1.1 + place;
        vec2 w = vec2(fbm3(q + vec2(0.0, -t)), fbm3(q + vec2(5.2, 1.3 - 0.7 * t)));
        vec2 r = vec2(fbm3(q + fold * w + vec2(1.7 + 0.5 * t, 9.2)), noise(q + fold * w * 1.3 - 0.6 * t));
        float s = fbm3(q + fold * 1.5 * r - vec2(0.0, 1.2 * t));
        gl_FragColor = vec4(s, r.x, w.y, 1.0);
        return;
    }
    vec2 px = 1.0 / IMG_SIZE(current);
    vec3 c = texture(current, isf_FragNormCoord).xyz;
    // lit from the upper left, as if the density were a relief
    float beyond = texture(current, isf_FragNormCoord + px * vec2(-2.0, 3.0)).x;
    float light = clamp((c.x - beyond) * 7.0, -0.6, 0.8);
    float v = 0.14 + 0.72 * smoothstep(0.15, 0.85, c.x * 0.7 + c.y * 0.4) + 0.24 * light;
    float row = smoothstep(0.45, 0.75, c.z) * 1.0;
    gl_FragColor = vec4(ink(v, row), 1.0);
}
