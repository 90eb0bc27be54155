"""What the `scene` expert knows: concepts by name, and what each is; benchmarks/scene.py has the words for them."""

_NAMES = {
    "setting": "outdoors",
    "time": "night, sunset",
    "weather": "sunny, rainy",
    "doing": "standing, sitting, walking, running, jumping, eating, lying down, climbing, swimming, dancing",
    "worn": "hat, helmet, uniform",
    "around": "grass, field, water, ocean, lake, river, pool, waves, beach, sand, snow, mountains, hill, cliff, rocks, "
    "trees, flowers, street, sidewalk, path, buildings, bridge, stairs, fence, dirt, crowd, city",
    "photo": "no scene, drawing, black and white",
    "sport": "baseball, tennis, basketball, football, soccer, hockey",
}
GRAY = "black and white"
"""What is measured, not learnt: that a photo has no colours."""
CONCEPTS = {name: kind for kind, names in _NAMES.items() for name in names.split(", ")}
