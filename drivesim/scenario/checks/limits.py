"""What vehicles can do: speeds by category, accelerations of tyres."""

MAX_SPEED_MPS = {"car": 75.0, "van": 55.0, "truck": 42.0, "bus": 42.0}
MAX_ACCELERATION_MPS2 = 12.0
HARD_ACCELERATION_MPS2 = 7.5
