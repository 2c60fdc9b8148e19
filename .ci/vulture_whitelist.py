"""Names that vulture takes for unused, each group with the reason why it is used all the same.

vulture reads this file as code; nothing runs it.
"""

# Python itself calls these on a module.
__getattr__
__dir__

# mkdocs calls these of docs/site_hooks.py.
on_files
on_page_markdown

# The YAML library asks its dumper.
_.ignore_aliases

# Settings of objects that belong to libraries: PyAV, numpy, ONNX Runtime, expat, torch, Gradio, OpenCV.
_.pix_fmt
_.durations
_.color_primaries
_.color_trc
_.colorspace
_.thread_count
_.bit_rate
_.gop_size
_.max_b_frames
_.writeable
_.intra_op_num_threads
_.inter_op_num_threads
_.log_severity_level
_.buffer_text
_.StartElementHandler
_.EndElementHandler
_.StartDoctypeDeclHandler
_.CharacterDataHandler
_.state_session_capacity
_.create_or_modify_pyi
_.allow_tf32
_.deterministic
_.benchmark

# pydantic reads the configuration of a model, and fields that only files and their readers name.
model_config
_.car
_.van
_.truck
_.bus

# Choices on the command line, and parameters that have done their work when the parser has read them.
png
night
show_list

# Written into every evaluation report, the labels of drive logs, and the notes of an ingest.
network_sha256
detector_sha256
_.repeated
_.out_of_order

# Parts of the Python API.
keyframe_latents

# zarr asks its stores for these.
_.supports_deletes
_.supports_listing
_.supports_writes
_.supports_consolidated_metadata
_.with_read_only
_.get_partial_values
_.list_dir
_.delete
_.delete_dir

# The documented way to open packed footage from Python.
footage_under

# Read by the page in the browser.
_.camera_height_m

# Networks.sampled asks for students by the name of their stage.
_.image_few_steps
_.prediction_few_steps
_.interpolation_few_steps

# Lists of frames implement numpy's way to take parts of them; rich reads the caption of a table.
__getitem__
_.caption

# The script that takes the pictures of the page calls what is named on its command line.
_.study
