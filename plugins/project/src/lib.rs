//! Project keeps, drops, renames and casts fields.
