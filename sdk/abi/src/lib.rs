//! The frozen tables between Campanile and its plugins.
